"""backfill-reconcile: nothing stays lost."""

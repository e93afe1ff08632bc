"""The words of the ``aftercare`` command that belong to no single function."""

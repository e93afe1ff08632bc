"""The local broker: what a Knative cluster does between the functions, from the same manifests."""

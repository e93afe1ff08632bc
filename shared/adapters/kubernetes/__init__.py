"""The Kubernetes API, read by a small reader of our own.

Not a client library, and it was tried: lightkube 1.0 brings ten packages, among them a second HTTP stack, whose answers
come into memory whole unless a transport is written against it, so that two modules would know an HTTP client. It adds
a fifth to the function's start-up, and its client can delete. What is needed here is a few GETs. This reader shares its
bounds, its strict parser and the meanings of its failures with everything else here that asks a service, and it cannot
change anything.

What is given up are the login programs (``exec``) of a laptop's kubeconfig; tokens and client certificates work.
"""

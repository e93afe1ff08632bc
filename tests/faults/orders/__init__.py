"""The order law over HTTP: whatever order an incident's events come in, and however often, its knowledge is the same.

Each order is told of an incident of its own, so that many can be told at once; in the end every incident must read the
same in PostgreSQL, but for its name. Nothing is compared with what we believe it should be: only orders with orders.
"""

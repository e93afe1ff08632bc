"""Who stands before the functions in production: a Knative broker and Alertmanager, with their real manners.

A double refuses what the real one refuses and gives up where the real one gives up, and it remembers every try, so
that a round can be audited. Clients of :mod:`tests.faults.load` are kinder than either: they try again for ever.
"""

"""The fault matrix: every function in every fault of the fault model, and what it answers then.

:mod:`tests.faults.matrix.table` is the promise: 38 rows, nine functions. A cell is several plays. A play is one event,
or a few: sent into the fault, and again once that is over until it is acknowledged, and once more. What is acknowledged
is durable at that moment, and in the end there is exactly one effect and each announcement once. The function is a
process of its own; its stores, its sink and what it asks besides are real servers and simulators behind proxies.
"""

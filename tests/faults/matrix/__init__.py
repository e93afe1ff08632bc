"""The fault matrix: each function that writes, in each trouble of its servers, and what it answers then.

:mod:`tests.faults.matrix.table` is the promise. A cell is one event: sent into the trouble, and again once that is over
until it is acknowledged, and once more. What was acknowledged must be durable at that moment, and in the end there is
exactly one effect and each announcement once. The function is a process of its own behind three proxies.
"""

"""``python -m tests.faults``: servers and functions are killed under load, and what was promised is counted.

A *round* is a few hundred events of seeded traffic, one fault in the middle of it, a recovery, a drain of the dead
letters, and an audit: every answer that clients got is held against every table and stream. A *campaign* is rounds
with the same kind of fault. Everything is real: the functions under gunicorn as their manifests say, PostgreSQL with
fsync, Redis with its append-only file.

The counters are those of Jepsen's total-queue ("what goes in must come out"). Planted bugs show that they can move:
each is the shipped function with one adapter that is wrong in a way people really get wrong.
"""

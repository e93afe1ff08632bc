"""verify-execution is killed, told to end or stopped in its tracks at every step of a verification.

The targets are played by tests (:mod:`tests.faults.laboratory`), so each has a truth that its verdicts are held
against, and a process can be caught at a step instead of being hit by chance. Everything else is real.
"""

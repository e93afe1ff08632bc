"""drift-check's decisions: what a settings class declares, what a ConfigMap sets, and whether they agree.

The class is read as text and never imported: a check runs nothing of the application, needs none of its packages, and
works in a hook, in a function and on a file of another Python. What reading alone cannot settle is said to be so.
"""

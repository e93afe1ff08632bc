"""gitops-issue's decisions: what a command would do, how far it reaches, and who must agree before anybody does it.

A command is text from a stranger. It is read, never run, and whatever is not understood is blocked: the tables in
``verbs`` and ``kinds`` are all that is known of kubectl here, and what they leave out is left out on purpose.
"""

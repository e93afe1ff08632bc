"""kill -9 at every round trip: failpoints that the run finds, instead of ones that somebody thought of.

A function speaks to its servers through proxies that hold its n-th turn, whichever server it is for. Held there it is
killed, started again, and sent what a broker would send again; then n is one more, until it is done before n comes.
Killed between two turns it has left the same at its servers as at any instant in between, so these are all there are.

The process is warm: what a cold one does besides, logging in and preparing statements, leaves nothing anywhere.
"""

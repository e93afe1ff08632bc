"""The cron races: replicas of a scheduled function get the same tick at once, and whoever has the slot is hit.

The processes are real, and so are their statements; only the clock of their database is ours, so that leases end and
hours pass without anybody waiting. Every write to a slot's row, and every announcement, is noted by triggers, with the
replica that made it: what is judged is what PostgreSQL saw.
"""

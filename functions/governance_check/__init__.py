"""governance-check: who watches the automation?"""

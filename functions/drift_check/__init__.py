"""drift-check: is what runs what the code says?"""

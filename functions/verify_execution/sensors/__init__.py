"""The instruments: each asks one service and answers with one typed reading, or says why it has none."""

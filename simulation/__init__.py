"""The deterministic simulator: real price history traded through the real command path.

A client base with recognisable strategies, a venue, a custodian and a bank share one simulated
clock with the platform; all dice come from the seed. Same seed, same log.
"""

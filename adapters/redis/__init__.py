"""Redis: the store of the cache and of the rate limits."""

"""How a command reaches its handler: rate limits, the dispatcher, group commit."""

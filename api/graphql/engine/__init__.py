"""What every GraphQL root runs on: session, sources, moments, limits."""

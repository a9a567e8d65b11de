"""The parts that every GraphQL root uses: session, sources, moments, limits."""

"""The cache as a port: values by their inputs, over a store that may be unavailable."""

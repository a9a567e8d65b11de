"""The bus as a port: pages of the log by partition, their schemas and their address."""

"""The log as a port: recorders, stored bytes, the keys of personal data, reading it."""

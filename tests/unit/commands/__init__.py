"""The command handler."""

"""The command line and the servers, as processes of their own."""

"""Messages to each counterparty, and commands for its reports: pure, driven by the gateways."""

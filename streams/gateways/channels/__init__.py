"""What is said to each counterparty, and what its reports mean: pure, driven by the gateways."""

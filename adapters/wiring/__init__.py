"""Opens the platform: every port gets the technology that the settings name."""

"""Opens the platform: connects every port to the technology that the settings name."""

"""What every saga runs on: its port and its runner."""

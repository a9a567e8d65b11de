"""What every view runs on: the runner, its batches, checksums, exact sums."""

"""Edge: what drives folds, sagas and counterparties from the log."""

"""The read side: views as pure folds from events to rows, and the loop that runs them."""

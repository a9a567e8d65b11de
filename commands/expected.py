"""Errors that are not bugs: an operator can fix them."""


class Expected(Exception):
    """A failure whose text is one line: what is wrong and what to do.

    The command line prints that line and ends with exit code 1; any other exception is a bug and
    is shown with its trace.
    """

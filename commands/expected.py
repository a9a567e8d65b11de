"""Errors that are no bugs: what an operator can mend."""


class Expected(Exception):
    """A failure whose text is one line that says what is wrong and what to do.

    The command line prints that line and ends with exit code 1; any other exception is a bug and
    is shown with its trace.
    """

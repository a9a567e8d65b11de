"""Repeat a caller's own text in our answers: cut short, with only harmless characters.

A caller's text may be a megabyte long, and may hold control characters or personal data. An answer
or a line of the log repeats only enough of it to show the mistake.
"""

NAME_MAX = 40  # characters of a name
TEXT_MAX = 500  # characters of a sentence that holds a caller's text
CUT = "..."


def short_name(name: str) -> str:
    """The first `NAME_MAX` characters of a name; those not printable ASCII become `?`."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in name[:NAME_MAX])


def short(text: str, limit: int = TEXT_MAX) -> str:
    """Cut a sentence to at most `limit` characters."""
    return text if len(text) <= limit else text[: limit - len(CUT)] + CUT

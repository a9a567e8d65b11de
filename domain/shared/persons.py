"""Persons: when two names are one person, and when an actor may use a name.

A second-person rule compares names, and may compare them only in `normal_form`: names that look
the same on a screen are the same person. Once an identity provider supplies the identities, only
`acts_as` and the code that fills `Seen.actor` have to change.
"""

import unicodedata

ANONYMOUS = "local"
"""The actor of an anonymous caller. The person is then the one that the body names."""

PARTS = frozenset(
    {"system", "simulator", "timer", "checkpoints", "auditor", "venue", "custodian", "bank", "saga"}
)
PART_PREFIXES = ("saga.", "cli.", "venue.", "custodian.", "bank.")
"""Actors that are parts of the platform. No caller over HTTP may claim one of them."""

_INVISIBLE = frozenset(
    "\N{COMBINING GRAPHEME JOINER}\N{HANGUL CHOSEONG FILLER}\N{HANGUL JUNGSEONG FILLER}"
    "\N{HANGUL FILLER}\N{HALFWIDTH HANGUL FILLER}\N{KHMER VOWEL INHERENT AQ}"
    "\N{KHMER VOWEL INHERENT AA}\N{BRAILLE PATTERN BLANK}"
)
_LOOKALIKES = {
    **dict(zip(map(ord, "авеѕіјкмнорстухһԁԛԝӏ"), "abesijkmhopctyxhdqwl", strict=True)),
    **dict(zip(map(ord, "αβεηικμνορτυχ"), "abehikmvoptyx", strict=True)),
    **dict(zip(map(ord, "\u0251\u0261\u0131"), "agi", strict=True)),
    **dict.fromkeys(map(ord, "\u2018\u2019\u02bc\u2032`\u00b4"), "'"),
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"), "-"),
}
"""Small letters of other scripts, hyphens and apostrophes by what they look like (Unicode TR39)."""
_VARIATION = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0), range(0x180B, 0x1810))


def normal_form(name: str) -> str:
    """A name as it is compared: compatibility forms, case, spaces and invisible signs removed,
    Cyrillic and Greek letters, hyphens and apostrophes by what they look like.

    "" for a name in which nothing can be seen.
    """
    if name.isascii() and name.isalnum():  # most names are ids: nothing to remove
        return name.lower()
    seen = "".join(map(_compared_as, name))  # an unseen sign parts letter and accent
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold())
    alike = "".join(map(_compared_as, folded.translate(_LOOKALIKES)))
    return " ".join(unicodedata.normalize("NFKC", alike).split())


def same_person(one: str, other: str) -> bool:
    return normal_form(one) == normal_form(other)


def is_part(actor: str) -> bool:
    """Whether an actor is a part of the platform, in whatever spelling."""
    form = normal_form(actor)
    return form in PARTS or form.startswith(PART_PREFIXES)


def acts_as(actor: str, name: str) -> bool:
    """Whether the actor may act under this name: its own name, or any if the actor is no person.

    An anonymous caller and the platform's own parts may use any name.
    """
    return same_person(actor, ANONYMOUS) or is_part(actor) or same_person(actor, name)


def _compared_as(sign: str) -> str:
    """What one character adds to a name: itself, a space, or nothing."""
    if sign.isspace():
        return " "
    hidden = unicodedata.category(sign).startswith("C") or sign in _INVISIBLE
    return "" if hidden or any(ord(sign) in signs for signs in _VARIATION) else sign

"""Which characters free text may hold, so that the stored text is the text a reader sees.

Refused: controls (except tab and line feed), characters that change the direction of writing or
have no width or shape, private, unassigned and lone surrogate code points, line separators other
than line feed. With them two different texts can look alike, or one text can read as another.

Unassigned means unknown to the Unicode table of the running Python: Unicode 14.0 with Python 3.11.
The meaning, case and decomposition of such a code point are not known yet, so no rule on names
could be kept for it. Ideographs of Unicode 15 to 17 are accepted nevertheless: people's names are
written with them, and they have neither case nor decomposition.

Accepted: letters, marks, digits, signs and spaces of every script. The two joiners have no width
and yet belong in names in Persian, Hindi, Malayalam, Sinhala and others: each is allowed between
two letters of such a script, and nowhere else. A variation selector may follow an ideograph, whose
form it chooses (Japanese names).
"""

import re

_C0_DEL = r"\x00-\x08\x0b-\x1f\x7f"
_UNSEEN = (
    r"\x80-\x9f"  # controls
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # soft hyphen, fillers, marks
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800"  # no width, direction, blank pattern
    r"\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"  # fillers, selectors, byte order, specials
    r"\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef"  # surrogates, private use, never characters
    r"\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # formats of signs
    r"\U000e0000-\U000fffff\U00100000-\U0010ffff"  # tags, selectors, private use
    + "".join(rf"\U000{plane:x}fffe\U000{plane:x}ffff" for plane in range(1, 15))
)
_JOINED = (  # Arabic to N'Ko, Indic, Tibetan and Myanmar, Khmer and Mongolian, Tai Tham, Balinese
    r"\u0620-\u07ff\u0860-\u08ff\u0900-\u0dff\u0f00-\u109f"
    r"\u1780-\u17b3\u17b6-\u17ff\u1820-\u18aa\u1a20-\u1aad\u1b00-\u1bff"
)
_IDEOGRAPH = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"

_LATER = r"\U0002b739\U0002ebf0-\U0002ee5d\U00031350-\U00033479"  # ideographs H, I, J

_ascii = re.compile(rf"[^{_C0_DEL}]*").fullmatch
_seen = re.compile(rf"[^{_C0_DEL}{_UNSEEN}]*").fullmatch
_joiner = re.compile(rf"(?<=[{_JOINED}])[\u200c\u200d](?=[{_JOINED}])")
_selector = re.compile(rf"(?<=[{_IDEOGRAPH}])[\ufe00-\ufe02\U000e0100-\U000e01ef]")
_drawn = re.compile(rf"[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd{_LATER}]")
"""Accepted although `isprintable` rejects them: signs that span digits, later ideographs."""
_may_be_fine = re.compile("[\u200c\u200d\ufe00-\ufe02\U000e0100-\U000e01ef]").search


def is_visible(text: str) -> bool:
    """Whether every character of the text can be seen (or is a space, tab or line feed)."""
    if text.isascii():
        return _ascii(text) is not None
    if _may_be_fine(text):
        text = _selector.sub("", _joiner.sub("", text))
    if _seen(text) is None:
        return False
    bare = "".join(text.split())  # `isprintable` accepts no space except " "
    return bare.isprintable() or _drawn.sub("", bare).isprintable()

"""Free text: the visible text is the stored text, and names in every script are valid."""

import unicodedata

import pytest

from api.http.texts import is_visible

NAMES = [
    "Ann O'Brien-Smith", "José Müller", "Ōtani Shōhei", "Nguyễn Thị Minh", "Łukasz Żółć",
    "Иван Петров", "Γιώργος", "محمد بن علي", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\u0dc1\u0dca\u200d\u0dbb\u0dd3", "\u0915\u094d\u200d\u0937", "אברהם", "김철수", "佐藤花子",
    "\u845b\U000e0100\u57ce", "ไทย", "සිංහල", "line\nand\ttab", "Price: 5 € (½)", "",
]  # fmt: skip
"""Real names, some with joiners that Persian, Sinhala and Hindi need."""

UNSEEN = {
    "NUL": "\x00", "carriage return": "\r", "escape": "\x1b", "delete": "\x7f", "C1": "\x85",
    "soft hyphen": "\xad", "grapheme joiner": "\u034f", "Arabic mark": "\u061c",
    "Hangul filler": "\u3164", "half filler": "\uffa0", "zero-width space": "\u200b",
    "left-to-right mark": "\u200e", "right-to-left mark": "\u200f", "embedding": "\u202b",
    "override": "\u202e", "isolate": "\u2066", "pop isolate": "\u2069", "word joiner": "\u2060",
    "invisible times": "\u2062", "byte order mark": "\ufeff", "line separator": "\u2028",
    "paragraph separator": "\u2029", "blank pattern": "\u2800", "emoji selector": "\ufe0f",
    "private use": "\ue000", "noncharacter": "\uffff", "noncharacter of Arabic": "\ufdd0",
    "noncharacter of a plane": "\U0001fffe", "tag": "\U000e0041", "last": "\U0010ffff",
    "lone surrogate": "\ud800", "unassigned": "\u0378", "unassigned emoji": "\U0001fbff",
    "unassigned ideograph": "\U0003fffd", "empty plane": "\U00040000", "of no script": "\U0001ffff",
    "Mongolian separator": "\u180e", "replacement": "\ufffd",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_of_every_script_are_text(name: str) -> None:
    assert is_visible(name)


@pytest.mark.parametrize("kind", UNSEEN)
@pytest.mark.parametrize("around", ["{}", "Ann{}Smith", "{}محمد", "محمد{}"])
def test_what_cannot_be_seen_is_no_text(kind: str, around: str) -> None:
    assert not is_visible(around.format(UNSEEN[kind]))


@pytest.mark.parametrize("joiner", ["\u200c", "\u200d"])
@pytest.mark.parametrize(
    "around", ["A{}nn", "{}محمد", "محمد{}", "محمد{0}{0}علي", "محمد{}A", "5{}6", "김{}철", "佐{}藤"]
)
def test_a_joiner_is_accepted_only_between_letters_that_join(joiner: str, around: str) -> None:
    assert not is_visible(around.format(joiner))


def test_a_selector_follows_an_ideograph_or_nothing() -> None:
    assert is_visible("\u845b\ufe00")
    assert not is_visible("A\ufe00")
    assert not is_visible("\u845b\U000e0100\U000e0100")


def test_every_control_format_and_private_character_is_refused_unless_it_is_drawn() -> None:
    unseen = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    drawn = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, 0x9, 0xA}
    taken = {
        code
        for code in range(0x110000)
        if unicodedata.category(chr(code)) in unseen and is_visible(f"a{chr(code)}b")
    }
    assert taken == drawn


def test_every_unassigned_code_point_is_refused_but_later_ideographs() -> None:
    taken = {
        code
        for code in range(0x110000)
        if unicodedata.category(chr(code)) == "Cn" and is_visible(f"a{chr(code)}b")
    }
    later = {0x2B739, *range(0x2EBF0, 0x2EE5E), *range(0x31350, 0x3347A)}
    assert taken <= later
    assert unicodedata.unidata_version != "14.0.0" or taken == later


def test_spaces_of_every_script_do_not_hide_what_is_unassigned() -> None:
    assert is_visible("\u3000\xa0\n\t\U00031350 \u0600")
    assert not is_visible("\u3000\xa0\n\t\U00031350 \u0600\u0378")


def test_every_letter_of_every_script_is_taken() -> None:
    fillers = {0x115F, 0x1160, 0x3164, 0xFFA0}
    refused = {
        code
        for code in range(0x110000)
        if unicodedata.category(chr(code))[0] in "LN" and not is_visible(chr(code))
    }
    assert refused == fillers

"""When two names are the same person, and which names a caller may act under."""

import ast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.shared.persons import ANONYMOUS, PARTS, acts_as, is_part, normal_form, same_person
from tests.paths import ROOT

LOOKS_LIKE_LOCAL = [
    "local",
    "local ",
    " local\t",
    "Local",
    "LOCAL",
    "lo\N{ZERO WIDTH SPACE}cal",
    "local\N{WORD JOINER}",
    "\N{ZERO WIDTH NO-BREAK SPACE}local",
    "lo\N{SOFT HYPHEN}cal",
    "local\N{NO-BREAK SPACE}",
    "\N{RIGHT-TO-LEFT MARK}local",
    "lo\N{RIGHT-TO-LEFT OVERRIDE}cal\N{POP DIRECTIONAL FORMATTING}",
    "lo\N{COMBINING GRAPHEME JOINER}cal",
    "local\N{VARIATION SELECTOR-16}",
    "local\N{HANGUL FILLER}",
    "local\N{MONGOLIAN VOWEL SEPARATOR}",
    "\N{FULLWIDTH LATIN SMALL LETTER L}ocal",
    "\N{MATHEMATICAL BOLD SMALL L}ocal",
    "loca\N{SCRIPT SMALL L}",
    "local\0",
    "local\N{TAG LATIN SMALL LETTER A}",
]


@pytest.mark.parametrize("spelling", LOOKS_LIKE_LOCAL, ids=ascii)
def test_what_looks_the_same_is_the_same_person(spelling: str) -> None:
    assert same_person(spelling, "local")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada  Lovelace", "ada lovelace"),
        ("Ada\tLovelace", "ADA LOVELACE "),
        ("STRASSE", "straße"),
        ("\N{ANGSTROM SIGN}sa", "\N{LATIN SMALL LETTER A WITH RING ABOVE}sa"),
        ("\N{LATIN SMALL LIGATURE FI}ona", "Fiona"),
        ("\N{CYRILLIC SMALL LETTER O}lga", "olga"),
        ("\N{CYRILLIC CAPITAL LETTER O}LGA", "olga"),
        ("olg\N{CYRILLIC SMALL LETTER A}", "olga"),
        ("\N{GREEK SMALL LETTER OMICRON}lga", "olga"),
        ("olg\N{LATIN SMALL LETTER ALPHA}", "olga"),
        ("a\N{HYPHEN}b", "a-b"),
        ("a\N{NON-BREAKING HYPHEN}b", "a-b"),
        ("O\N{RIGHT SINGLE QUOTATION MARK}Neil", "o'neil"),
    ],
)
def test_case_spaces_and_compatibility_forms_do_not_count(one: str, other: str) -> None:
    assert same_person(one, other)


@pytest.mark.parametrize(("one", "other"), [("ann", "anna"), ("a b", "ab"), ("ada", "adá")])
def test_other_letters_are_other_people(one: str, other: str) -> None:
    assert not same_person(one, other)


@pytest.mark.parametrize(
    "nobody",
    ["", " ", "\t\n", "\N{ZERO WIDTH SPACE}", "\N{HANGUL FILLER}", "\N{BRAILLE PATTERN BLANK}"],
    ids=ascii,
)
def test_a_name_without_a_visible_character_is_no_person(nobody: str) -> None:
    assert normal_form(nobody) == ""


@given(st.text(max_size=40))
def test_a_normal_form_is_its_own_normal_form(name: str) -> None:
    form = normal_form(name)
    assert normal_form(form) == form
    assert form == form.strip() and "  " not in form


@example(name="A\N{COMBINING GRAVE ACCENT}", sign="\N{ZERO WIDTH SPACE}")
@given(st.text(max_size=20), st.sampled_from(["\N{ZERO WIDTH SPACE}", "\N{SOFT HYPHEN}", "\0"]))
def test_invisible_signs_make_no_other_person(name: str, sign: str) -> None:
    for at in range(len(name) + 1):
        assert same_person(name[:at] + sign + name[at:], name)


def test_a_named_actor_acts_under_its_own_name_only() -> None:
    assert acts_as("olga", "Olga ")
    assert not acts_as("olga", "ben")
    assert acts_as(ANONYMOUS, "ben")
    assert acts_as("simulator", "compliance-1")


@pytest.mark.parametrize(
    "actor",
    [
        *sorted(PARTS),
        "saga.kyc",
        "SAGA.order",
        "Cli.root",
        "System",
        "\N{FULLWIDTH LATIN CAPITAL LETTER S}ystem",
        "sys\N{SOFT HYPHEN}tem",
    ],
)
def test_the_parts_of_the_platform_are_known_in_any_spelling(actor: str) -> None:
    assert is_part(actor)


@pytest.mark.parametrize("actor", ["olga", "local", "systems", "sagas", "saga-fan", "client"])
def test_people_are_no_parts(actor: str) -> None:
    assert not is_part(actor)


def test_every_actor_that_the_product_names_is_a_part_of_it() -> None:
    """A new part that signs its commands must not be a name that callers may claim."""
    folders = (ROOT / folder for folder in ("adapters", "commands", "simulation", "streams"))
    trees = [ast.parse(file.read_text()) for folder in folders for file in folder.rglob("*.py")]
    constants = {
        node.targets[0].id: node.value
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    named = {"system"}
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.keyword) and node.arg == "actor":
            given = node.value
            name = given.id if isinstance(given, ast.Name) else ""
            named |= _texts(constants.get(name, given))
    assert {"system", "simulator", "timer", "checkpoints", "saga."} <= named
    assert [n for n in named if not is_part(n if not n.endswith(".") else f"{n}x")] == []
    from streams.gateways.counterparties import BankChannel, CustodianChannel, VenueChannel  # noqa: PLC0415

    for channel in (BankChannel, CustodianChannel, VenueChannel):
        assert is_part(channel.NAME)


def _texts(node: ast.expr) -> set[str]:
    if isinstance(node, ast.JoinedStr):
        node = node.values[0]
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()

"""The generated documents are current, and the table of commands is correct."""

import re

import pytest

from domain.catalogue import AGGREGATES, COMMANDS, EVENTS
from domain.ledger import CHART, CLIENT_MONEY, ClientMoney
from scripts import generate_docs
from tests.paths import ROOT
from tests.unit.test_architecture import SOURCES

DOMAIN = (ROOT / "docs" / "domain.md").read_text()
JOURNAL_LINE = re.compile(r"\bJ(\d+)\b")
RULES = re.compile(r"\brules? (\d+(?:(?:, | and | to )\d+)*)\b", re.IGNORECASE)
CELLS = re.compile(r"^\| (?P<name>\w+)(?P<marks>[^|]*)\|(?P<reads>[^|]*)\|(?P<events>[^|]*)\|")


def rows() -> dict[str, tuple[str, str, list[str]]]:
    """Command -> (category, marks, events), as docs/commands.md has them."""
    found, category = {}, ""
    for line in (ROOT / "docs" / "commands.md").read_text().splitlines():
        if line.startswith("## "):
            category = line[3:].split(":")[0]
        elif (m := CELLS.match(line)) and m["name"] != "command":
            events = [e.strip() for e in m["events"].split(",") if e.strip()]
            found[m["name"]] = (category, m["marks"], events)
    return found


def test_every_command_has_its_row_and_every_row_its_command() -> None:
    assert set(rows()) == set(COMMANDS)


@pytest.mark.parametrize("aggregate", AGGREGATES, ids=lambda a: a.CATEGORY)
def test_the_row_names_stream_door_and_events(aggregate: object) -> None:
    table = rows()
    listed = set()
    for command in aggregate.COMMANDS:  # type: ignore[attr-defined]
        category, marks, events = table[command.__name__]
        assert category == aggregate.CATEGORY  # type: ignore[attr-defined]
        assert ("*internal*" in marks) == command.INTERNAL, command
        assert set(events) <= set(EVENTS), command
        listed |= set(events)
    own = {str(e.__struct_config__.tag) for e in aggregate.EVENTS}  # type: ignore[attr-defined]
    assert listed == own


def test_generated_documents_are_current() -> None:
    assert generate_docs.stale() == []


def test_the_tour_names_files_that_exist() -> None:
    named = re.findall(r"`([\w/]+\.py)`", (ROOT / "docs" / "tour.md").read_text())
    known = [f"/{path.relative_to(ROOT)}" for path in SOURCES]
    assert len(named) > 30
    assert not [name for name in named if not any(k.endswith(f"/{name}") for k in known)]


def test_the_analysts_query_for_client_money_has_the_roles_of_the_chart() -> None:
    text = (ROOT / "docs" / "analysts.md").read_text()
    sql = text.split("\nClient money:")[1].split("```")[1]
    lists = re.findall(r"account (?:IN \([^)]*\)|= '[^']*')", sql)
    listed = {frozenset(re.findall(r"'([\w.]+)'", found)) for found in lists}
    role = ClientMoney
    summed = (
        {role.SETTLED}, {role.IN_FLIGHT, role.TAX}, {role.ENTITLEMENT}, {role.DUE}, {role.RESOURCE}
    )  # fmt: skip
    assert listed == {
        frozenset(account for account, of in CLIENT_MONEY.items() if of in roles)
        for roles in summed
    }


def test_every_rule_and_line_of_the_journal_that_code_cites_is_in_the_domain_page() -> None:
    rules = set(re.findall(r"^(\d+)\. \*\*", DOMAIN, re.MULTILINE))
    lines = set(re.findall(r"^\| J(\d+) \|", DOMAIN, re.MULTILINE))
    assert rules == {str(n) for n in range(1, 24)}
    assert lines == {str(n) for n in range(24)}
    cited_rules, cited_lines = set[str](), set[str]()
    for path in SOURCES:
        text = " ".join(path.read_text().split())
        found_rules = set(re.findall(r"\d+", " ".join(RULES.findall(text))))
        found_lines = set(JOURNAL_LINE.findall(text))
        assert found_rules <= rules, path
        assert found_lines <= lines, path
        cited_rules |= found_rules
        cited_lines |= found_lines
    assert len(cited_rules) > 10
    assert len(cited_lines) > 10


def test_the_chart_in_the_domain_page_is_the_chart_of_the_ledger() -> None:
    row = re.compile(r"^\| ([CHM]\.[A-Z]+) \|[^|]*\| ([^|]+) \| (\w+) \|", re.MULTILINE)
    assert row.findall(DOMAIN) == [
        (account, kind.value, CLIENT_MONEY[account].value) for account, kind in CHART.items()
    ]


def test_only_accounts_of_the_chart_are_in_the_domain_page() -> None:
    assert set(re.findall(r"\b[CHM]\.[A-Z]+\b", DOMAIN)) == set(CHART)

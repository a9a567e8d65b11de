"""The documents that follow from the code are current, and the command table is true."""

import re

import pytest

from domain.catalogue import AGGREGATES, COMMANDS, EVENTS
from domain.ledger import CLIENT_MONEY, ClientMoney
from scripts import generate_docs
from tests.paths import ROOT

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

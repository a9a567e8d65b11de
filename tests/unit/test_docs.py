"""The documents that follow from the code are current, and the command table is true."""

import re

import pytest

from domain.catalogue import AGGREGATES, COMMANDS, EVENTS
from scripts import generate_docs
from tests.paths import ROOT

LAYERS = (
    "domain", "commands", "projections", "sagas", "adapters", "streams", "simulation", "api",
)  # fmt: skip
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
    tracked = [str(p.relative_to(ROOT)) for layer in LAYERS for p in (ROOT / layer).rglob("*.py")]
    assert len(named) > 30
    missing = [name for name in named if not any(f"/{t}".endswith(f"/{name}") for t in tracked)]
    assert not missing

"""The tables of `docs/scale.md`, from the model: `python -m tests.capacity.tables` writes them."""

import re

from tests.capacity.model import ASSUMED, MEASURED, TARGET, Deployment, Input, saturation, sized
from tests.paths import DOCS

PAGE = DOCS / "scale.md"
DAYS = (1_000_000, 10_000_000, 100_000_000)  # fills
DEPLOYMENTS = (Deployment(), Deployment(4, 2), Deployment(8, 4), Deployment(12, 16))
_BLOCK = "<!-- {name} -->\n{table}\n<!-- end -->"
_FOUND = re.compile(r"<!-- (\w+) -->\n(.*?)\n<!-- end -->", re.DOTALL)


def tables() -> dict[str, str]:
    """Name of the block in the page -> its table."""
    return {
        "measured": _inputs(MEASURED),
        "assumed": _inputs(ASSUMED),
        "sizes": _sizes(),
        "saturation": _saturation(),
    }


def quoted() -> dict[str, str]:
    """The same tables, as the page has them."""
    return dict(_FOUND.findall(PAGE.read_text()))


def write() -> None:
    now = tables()
    page = _FOUND.sub(lambda m: _BLOCK.format(name=m[1], table=now[m[1]]), PAGE.read_text())
    PAGE.write_text(page)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _inputs(inputs: dict[str, Input]) -> str:
    rows = [
        [name.replace("_", " "), f"{i.value:,g} {i.unit}", i.source] for name, i in inputs.items()
    ]
    return _table(["what", "figure", "from"], rows)


def _sizes() -> str:
    found = [sized(fills) for fills in DAYS]
    lines = {
        "events a day": [f"{s.events / 1e6:,.1f} million" for s in found],
        "commands/s at the peak": [f"{s.commands_rate:,.0f}" for s in found],
        "events/s at the peak": [f"{s.events_rate:,.0f}" for s in found],
        "API processes": [str(s.api) for s in found],
        "logs (cells)": [str(s.logs) for s in found],
        "partitions of each": [str(s.partitions) for s in found],
        "workers in all": [str(s.workers) for s in found],
        "log, a day": [_bytes(s.log_bytes) for s in found],
        "views and sagas, a day": [_bytes(s.view_bytes) for s in found],
        "facts, a day": [_bytes(s.fact_bytes) for s in found],
        "Kafka, held": [_bytes(s.kafka_bytes) for s in found],
        "days until 100 million events": [f"{s.days:,.2g}" for s in found],
    }
    head = [f"a day of {fills / 1e6:g} million fills" for fills in DAYS]
    return _table(
        [f"sized for {TARGET:.0%} busy", *head], [[name, *cells] for name, cells in lines.items()]
    )


def _saturation() -> str:
    rows = []
    for one in DEPLOYMENTS:
        rate, tier = saturation(one)
        rows.append([str(one.api), str(one.partitions), f"{rate:,.0f}", tier])
    return _table(["API processes", "partitions", "events/s", "busy first"], rows)


def _bytes(number: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9)):
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return f"{number / 1e6:,.0f} MB"


if __name__ == "__main__":
    write()

"""How a worker joins the consumer groups of the bus.

Apart from `adapters.wiring.workers`, as Faust takes 0.3 s to import: only workers pay for it.
"""

from collections.abc import Collection

from adapters.bus.records import Moved, Take
from adapters.bus.url import Bus
from adapters.kafka.pages import FaustPages
from projections.ports import View


def views_group(bus: Bus, views: Collection[View], all_views: Collection[View]) -> str:
    """The group of workers with these views: workers with the same views share their work."""
    names = sorted(view.NAME for view in views)
    some = "" if len(names) == len(all_views) else "." + ".".join(names)
    return f"{bus.prefix}-views-{bus.generation}{some}"


def join_views(bus: Bus, group: str, member: str, take: Take, *, moved: Moved) -> FaustPages:
    return FaustPages(bus, group, take, moved, member=member)


def join_sagas(bus: Bus, take: Take, moved: Moved) -> FaustPages:
    """Join the saga group under a fixed member name: a new leader replaces the old one at once."""
    return FaustPages(bus, f"{bus.prefix}-sagas-{bus.generation}", take, moved, member="leader")

"""Verifies a world at rest; the findings are grouped by what they break."""

import asyncio
from typing import NamedTuple

from adapters.settings import Settings
from adapters.wiring.platform import open_platform
from tests.chaos import books
from tests.chaos.conversations import Conversations, stands
from tests.chaos.journal import read
from tests.chaos.parts import environment
from tests.chaos.promises import Seen, envelopes, shown
from tests.chaos.world import World


class Findings(NamedTuple):
    commands: int  # for which callers got an answer
    events: int
    lost: list[str]
    doubled: list[str]
    views: list[str]
    other: list[str]

    @property
    def all(self) -> list[str]:
        return [
            *shown("lost", self.lost),
            *shown("doubled", self.doubled),
            *shown("views", self.views),
            *self.other,
        ]


def verify(world: World) -> Findings:
    """Verify a world whose callers and platform have ended; the database still runs."""
    return asyncio.run(_verify(world))


async def _verify(world: World) -> Findings:
    result, _ = read(world.folder / "journal.jsonl")
    with world.database() as connection:
        conversations = Conversations(stands(connection))
    seen, ledger = Seen(), books.Ledger()
    env = environment(world.env)
    settings = Settings(**{k.removeprefix("TIDEMARK_").lower(): v for k, v in world.env.items()})
    async with await open_platform(settings, verb="chaos", exclusive=False) as platform:
        async for arrived in envelopes(platform.log):
            for fold in (seen, ledger, conversations):
                fold.note(arrived)
        last = await platform.log.last()
        views = await asyncio.to_thread(books.views_equal, env, last)
        fresh = world.folder / "fresh"
        views += await asyncio.to_thread(books.warehouse_equal, env, fresh)
        other = shown("controls", await books.controls(platform, ledger))
    other += shown("log", await asyncio.to_thread(books.log_verifies, env))
    with world.database() as connection:
        other += shown("sagas", conversations.wrong(connection, rested=world.rested))
    other += shown("stuck", conversations.stuck())
    lost, doubled = seen.lost(result), seen.doubled(result)
    return Findings(len(result), seen.events, lost, doubled, views, other)

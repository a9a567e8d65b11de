"""`replay`: compares everything that is derived and stored with a fold of the log.

views | sagas and gateways | the street's tables | the definitions of all their tables
"""

import asyncio
from collections.abc import Sequence
from contextlib import closing

from msgspec import Struct

from adapters.operations import schema_audit
from adapters.operations.rebuild import Replayed, replay
from adapters.simulators.statement import PostgresStatement
from adapters.wiring.platform import Platform
from adapters.wiring.venues import destinations
from projections.catalogue import VIEWS
from streams.proof.replaying import Conversation, channels_of, replay_sagas
from streams.proof.street_audit import replay_street


class Proof(Struct, frozen=True, kw_only=True):
    views: Sequence[Replayed]
    kept: Sequence[Conversation]  # sagas, gateways, the street
    schema: Sequence[str]  # definitions that differ from this build's migrations

    @property
    def equal(self) -> bool:
        views, kept = all(v.equal for v in self.views), all(k.equal for k in self.kept)
        return views and kept and not self.schema


async def prove(platform: Platform) -> Proof:
    """Compare all that the read models' database holds; change nothing.

    Raises:
        Unavailable: a server cannot be reached, or the log has lost its head.
    """
    schema = await asyncio.to_thread(schema_audit.faults, platform.database_url, "views")
    views = await replay(platform.log, platform.sink, VIEWS)
    channels = channels_of(destinations(platform.settings))
    sagas = await replay_sagas(platform.log, platform.saga_store, channels)
    end = await platform.log.last()
    with closing(PostgresStatement(platform.database_url)) as statement:
        held = await asyncio.to_thread(statement.everything)
    street = await replay_street(platform.log, held, end)
    return Proof(views=views, kept=[*sagas, street], schema=schema)

"""Clients: the state of each KYC file, folded by the client aggregate. No personal data.

A name or an address is in the client's stream, sealed under the client's data key.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, ClassVar

from msgspec.structs import replace

from domain.client import EVENTS, INITIAL, evolve
from domain.client.events import ClientOnboarded
from domain.client.state import Client
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from projections.engine.words import Memory
from projections.ports import Audience, Home, Key, Row

NAME = "clients"
VERSION = 2
AUDIENCE = Audience.CONFIDENTIAL  # findings about a person: risk, screening, PEP
HOME = Home("client_id", "client")


class ClientRow(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("client_id",)
    INDEXES: ClassVar[tuple[tuple[str, ...], ...]] = (("status",), ("review_on",))

    client_id: str
    kind: str = ""
    country: str = ""
    lei: str = ""
    status: str = ""  # the standing, unless a suspension or a block covers it
    standing: str = ""  # beneath a suspension or a block
    risk_rating: str = ""
    review_on: date | None = None
    grace_until: date | None = None
    pep: bool = False
    possible_hit: bool = False  # a screening hit that is not judged yet
    onboarded_at: datetime
    updated_at: datetime
    erased: bool = False  # the client's data key was destroyed
    state: str = ""  # of `domain.client`, JSON


ROW: type[Row] = ClientRow
READS: frozenset[type[Event]] = frozenset(EVENTS)
_memory: Memory[Client] = Memory(INITIAL)


def facts(arrived: Envelope) -> Iterable[tuple[Key, Envelope]]:
    event: Any = arrived.event
    return [((event.client_id,), arrived)] if type(event) in READS else ()


def fold(row: ClientRow | None, key: Key, fact: Envelope) -> ClientRow:
    event: Any = fact.event
    at = fact.effective_at
    if isinstance(event, ClientOnboarded):
        lei = event.lei or ""
        row = ClientRow(client_id=event.client_id, lei=lei, onboarded_at=at, updated_at=at)
    assert row is not None, f"{fact.stream} does not begin with its onboarding"
    client = evolve(_memory.state(row.state), event)
    return replace(
        row,
        kind=str(client.kind),
        country=client.country,
        status=str(client.status),
        standing=str(client.standing),
        risk_rating=str(client.risk_rating),
        review_on=client.review_on,
        grace_until=client.grace_until,
        pep=client.pep,
        possible_hit=client.possible_hit,
        updated_at=at,
        erased=client.erased,
        state=_memory.text(client),
    )

"""The peer for catching up: a projection of the `eventsourcing` library, as its pages show it.

A `Projection` over a `PostgresTrackingRecorder` with a table of its own, run by the library's
`ProjectionRunner`: a database transaction an event, which moves the row and the tracking record.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL, Identifier

from tests.bench.trading import GROSS, ISIN, PRICE, QTY

WAIT_S = 120.0


class Holder(Aggregate):
    @event("Opened")
    def __init__(self, client_id: str) -> None:
        self.client_id = client_id
        self.traded = Decimal(0)
        self.settled = Decimal(0)

    @event("Booked")
    def book(
        self, trade_id: str, isin: str, qty: Decimal, price: Decimal, gross: Decimal, at: datetime
    ) -> None:
        self.traded += qty

    @event("Settled")
    def settle(self, trade_id: str, isin: str, qty: Decimal, amount: Decimal, at: datetime) -> None:
        self.settled += qty


class Desk(Application[UUID]):
    def trade(self, steps: int) -> None:
        """A holder and what `tests.bench.trading` does to an account, saved in one go."""
        holder, now = Holder("C1"), datetime.now(UTC)
        for step in range(steps):
            trade, settles = divmod(step, 2)
            sign = -1 if trade % 2 else 1
            if settles:
                holder.settle(f"t{trade}", ISIN, sign * QTY, GROSS, now)
            else:
                holder.book(f"t{trade}", ISIN, sign * QTY, PRICE, sign * GROSS, now)
        self.save(holder)


class Positions(PostgresTrackingRecorder):
    def __init__(self, datastore: PostgresDatastore, **more: Any) -> None:
        super().__init__(datastore, **more)
        table = Identifier(f"{self.tracking_table_name}_rows")
        self.sql_create_statements.append(
            SQL(
                "CREATE TABLE IF NOT EXISTS {} (account_id uuid, isin text, traded numeric, "
                "settled numeric, cost numeric, PRIMARY KEY (account_id, isin))"
            ).format(table)
        )
        self._upsert = SQL(
            "INSERT INTO {0} AS p VALUES (%s, %s, %s, %s, %s) ON CONFLICT (account_id, isin) "
            "DO UPDATE SET traded = p.traded + excluded.traded, "
            "settled = p.settled + excluded.settled, cost = p.cost + excluded.cost"
        ).format(table)

    def move(self, account_id: UUID, isin: str, by: tuple[Decimal, ...], seen: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, seen)
            cursor.execute(self._upsert, (account_id, isin, *by), prepare=True)

    def pass_over(self, seen: Tracking) -> None:
        self.insert_tracking(seen)


class PositionsOfHolders(Projection[Positions]):
    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.pass_over(tracking)

    @process_event.register
    def _(self, domain_event: Holder.Booked, tracking: Tracking) -> None:
        moved = (domain_event.qty, Decimal(0), domain_event.gross)
        self.view.move(domain_event.originator_id, domain_event.isin, moved, tracking)

    @process_event.register
    def _(self, domain_event: Holder.Settled, tracking: Tracking) -> None:
        moved = (Decimal(0), domain_event.qty, Decimal(0))
        self.view.move(domain_event.originator_id, domain_event.isin, moved, tracking)


def catch_up(environment: dict[str, str], round_: int, last: int) -> None:
    """Project the whole log into new tables; returns when the view has seen event `last`."""
    name = f"positions{round_}"
    projection = type("Round", (PositionsOfHolders,), {"name": name})
    with ProjectionRunner(
        application_class=Desk,
        projection_class=projection,
        view_class=Positions,
        env=environment,
    ) as runner:
        runner.wait(last, timeout=WAIT_S)

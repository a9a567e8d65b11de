"""The trading desk's controls: what blocks orders now."""

from datetime import datetime
from decimal import Decimal

import strawberry

from api.graphql.engine.queries import Column, page
from api.graphql.engine.sources import Source
from api.http.wire import decimal
from projections.operations import desk_controls
from projections.operations.desk_controls import KINDS
from projections.operations.desk_controls import DeskControl as DeskControlRow


@strawberry.type(description="A control of the trading desk, in force or not any more.")
class DeskControl:
    kind: str = strawberry.field(description="kill_switch, restricted or limits")
    scope: str = strawberry.field(description="firm, account, venue, instrument, isin")
    scope_id: str
    in_force: bool
    version: int = strawberry.field(description="as a blocked order names it")
    since: datetime
    qty_max: str | None = strawberry.field(description="pieces of one order")
    notional_max: str | None = strawberry.field(description="in the settlement currency")
    collar_pct: str | None = strawberry.field(description="of a limit price from the mark")


def desk_control(source: Source, row: DeskControlRow) -> DeskControl:
    def shown(value: Decimal | None) -> str | None:
        return None if value is None else decimal(value)

    return DeskControl(
        kind=row.kind,
        scope=row.scope,
        scope_id=row.scope_id,
        in_force=row.in_force,
        version=row.version,
        since=row.since,
        qty_max=shown(row.qty_max),
        notional_max=shown(row.notional_max),
        collar_pct=shown(row.collar_pct),
    )


@strawberry.type
class DeskControls:
    desk_controls = page(
        desk_controls,
        DeskControl,
        desk_control,
        columns=[Column("kind", str, words=KINDS)],
        description="Kill switches, restricted instruments and order limits.",
    )

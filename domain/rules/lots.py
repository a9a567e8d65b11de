"""Lots: which purchases a sale takes, and what they cost (domain.md rule 4).

    acquire  covers short lots (sold before they were bought), the rest opens one new lot
    dispose  takes from the lots by method; what no lot covers becomes a short lot
    mirror   undoes moves exactly: a bust, or a disposal whose lots are chosen again
    cover    matches lots below zero with lots above zero, which a bust may leave side by side

A lot's cost is an attribute, never a posting. Purchase charges are part of it; sale charges reduce
the proceeds. Cost is split exactly: each part is rounded to `cents` and the last takes the
remainder, so no cost is lost or created.

    FIFO LIFO   by acquisition date, ties by order of arrival
    HIFO        dearest first, by cost in the base currency
    AVERAGE     quantities FIFO, every share at the pool's average; what remains is re-averaged
    SPECIFIC    FIFO until the client chooses (`chosen`)

Listings of one ISIN may settle in several currencies. A lot's `cost` is in the currency it was
bought in (`Lot.currency`) and is never added to a cost in another one; `cost_base` compares them.

Base cost is unknown while no rate of the purchase's currency has been fixed (`base_unknown`): it
is recorded as 0, which means nothing until the account states it. HIFO then compares cost in the
trade's currency if all lots have the same one; otherwise it takes lots of known base cost first.
AVERAGE keeps lots of unknown base cost, and costs in different currencies, in separate pools.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from domain.shared.money import EXACT, MINOR_UNITS, ZERO, plain
from domain.shared.shares import Value, split

Share = tuple[str, bool]
"""(lot id, True for the part that stays in the lot, False for the part that is taken)."""


class LotMethod(StrEnum):
    FIFO = "FIFO"
    LIFO = "LIFO"
    HIFO = "HIFO"
    AVERAGE = "AVERAGE"
    SPECIFIC = "SPECIFIC"


class Lot(Struct, frozen=True, kw_only=True):
    """The rest of one purchase. Below zero: sold before it was bought, cost = -proceeds."""

    lot_id: str
    qty: Decimal
    cost: Decimal
    cost_base: Decimal
    acquired_on: date
    currency: str = ""  # of cost
    base_unknown: bool = False  # no rate has been fixed yet: cost_base means nothing


class LotMove(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Signed change of one lot: + acquired, - disposed of; quantity 0 re-averages its cost."""

    lot_id: str
    qty: Decimal  # signed
    cost: Decimal  # signed, total, in the trade's currency, purchase charges included
    cost_base: Decimal  # signed, total, in the account's base currency at the trade date's rate
    acquired_on: date  # trade date of the purchase; the holding period starts the day after
    proceeds: Decimal = ZERO  # this move's share of net sale proceeds; for a cover: - its cost
    proceeds_base: Decimal = ZERO
    realises: bool = False  # a sale or a cover, or its undoing; not a purchase, not a transfer
    currency: str = ""  # of cost, if the lot was bought in another currency than the trade's
    base_unknown: bool = False  # cost_base is not known yet, and 0 until it is stated

    @property
    def gain(self) -> Decimal:
        """Realised in the trade's currency: proceeds less cost (which is signed).

        0 if cost is in another currency: such a gain exists only in the base currency.
        """
        return self.proceeds + self.cost if self.realises and not self.currency else ZERO

    @property
    def gain_base(self) -> Decimal:
        return self.proceeds_base + self.cost_base if self.realises else ZERO


def holding(lots: Iterable[Lot]) -> Decimal:
    return sum((lot.qty for lot in lots), ZERO)


def apply(lots: Sequence[Lot], moves: Iterable[LotMove], *, currency: str = "") -> tuple[Lot, ...]:
    """The lots after `moves`, in order of arrival; a lot without quantity and cost is dropped.

    `currency` is the currency of a new lot's cost, unless its move has one.
    """
    after = {lot.lot_id: lot for lot in lots}
    for move in moves:
        lot = after.get(move.lot_id)
        after[move.lot_id] = Lot(
            lot_id=move.lot_id,
            qty=plain((lot.qty if lot else ZERO) + move.qty),
            cost=(lot.cost if lot else ZERO) + move.cost,
            cost_base=(lot.cost_base if lot else ZERO) + move.cost_base,
            acquired_on=lot.acquired_on if lot else move.acquired_on,
            currency=lot.currency if lot else move.currency or currency,
            base_unknown=lot.base_unknown if lot else move.base_unknown,
        )
    return tuple(lot for lot in after.values() if lot.qty or lot.cost or lot.cost_base)


def mirror(moves: Iterable[LotMove]) -> tuple[LotMove, ...]:
    """The exact opposite of `moves`, to undo a booking or a pick."""
    return tuple(
        replace(
            m,
            qty=-m.qty,
            cost=-m.cost,
            cost_base=-m.cost_base,
            proceeds=-m.proceeds,
            proceeds_base=-m.proceeds_base,
        )
        for m in moves
    )


def with_base(lots: Iterable[LotMove], known: Iterable[LotMove]) -> tuple[LotMove, ...]:
    """A trade's moves with the base figures that were stated for them."""
    by_lot = {(m.lot_id, m.realises): m for m in known}
    return tuple(_with(m, by_lot.get((m.lot_id, m.realises))) for m in lots)


def _with(move: LotMove, known: LotMove | None) -> LotMove:
    if known is None:
        return move
    return replace(
        move,
        cost_base=move.cost_base + known.cost_base,
        proceeds_base=move.proceeds_base + known.proceeds_base,
        base_unknown=False,
    )


def acquire(
    lots: Sequence[Lot], lot_id: str, qty: Decimal, *, cost: Value, on: date
) -> tuple[LotMove, ...]:
    """A purchase of `qty` for `cost` in all: short lots are covered first, oldest first."""
    covers, rest = list[tuple[Lot, Decimal]](), qty
    for lot in (lot for lot in _oldest(lots) if lot.qty < 0):
        if rest > 0:
            covers.append((lot, min(-lot.qty, rest)))
            rest -= covers[-1][1]
    shares = cost.shares([*(q for _, q in covers), rest])
    moves = [
        _take(lot, -q, value=share, sign=-1)
        for (lot, q), share in zip(covers, shares, strict=False)
    ]
    if rest > 0:
        new = shares[-1]
        moves.append(
            LotMove(
                lot_id=lot_id,
                qty=rest,
                cost=new.amount,
                cost_base=new.base,
                acquired_on=on,
                base_unknown=not new.base_known,
            )
        )
    return tuple(moves)


def dispose(
    lots: Sequence[Lot],
    lot_id: str,
    qty: Decimal,
    *,
    method: str,
    proceeds: Value,
    on: date,
    chosen: Mapping[str, Decimal] | None = None,
) -> tuple[LotMove, ...]:
    """A sale of `qty` for `proceeds` net of charges; `lot_id` names the short lot, if one opens.

    Args:
        lots: the held lots; short ones do not change.
        qty: above zero.
        method: a `LotMethod`; SPECIFIC without `chosen` is FIFO.
        proceeds: shared among the picks by quantity.
        on: trade date, for a short lot.
        chosen: lot id to quantity, already checked with `can_choose`.

    Returns:
        Picks (quantity below zero) in the order taken, then AVERAGE's moves of only cost.
    """
    picks = _choose(lots, chosen) if chosen else _pick(lots, qty, method)
    short = qty - sum((q for _, q in picks), ZERO)
    values = proceeds.shares([*(q for _, q in picks), *([short] if short else [])])
    taken = [_take(lot, q, value=v) for (lot, q), v in zip(picks, values, strict=False)]
    if method == LotMethod.AVERAGE and not chosen and taken:
        taken = _at_average(lots, taken, cents=proceeds)
    if short:
        taken.append(_short(lot_id, short, value=values[-1], on=on))
    return tuple(taken)


def cover(
    lots: Sequence[Lot], *, method: str, cents: Value, spare: Collection[str] = ()
) -> tuple[LotMove, ...]:
    """Match lots below zero with lots above zero, until one kind is used up.

    A bust leaves a lot below zero if it undoes a purchase whose shares were sold. The sale then
    takes other lots: it realises its old gain, plus its old cost, less its new cost.

    Args:
        method: how the lots above zero are picked.
        cents: only its decimals are used.
        spare: ids of lots to leave as they are.
    """
    moves = list[LotMove]()
    for lot in (o for o in _oldest(lots) if o.qty < 0 and o.lot_id not in spare):
        there = apply(lots, moves)
        qty = min(-lot.qty, sum((o.qty for o in there if o.qty > 0), ZERO))
        if qty <= 0:
            break
        back = _take(lot, -qty, value=cents, sign=-1)
        cost = replace(cents, amount=back.cost, base=back.cost_base)
        moves.append(replace(back, proceeds=-cost.amount, proceeds_base=-cost.base))
        moves += dispose(there, lot.lot_id, qty, method=method, proceeds=cost, on=lot.acquired_on)
    return tuple(moves)


def can_choose(lots: Sequence[Lot], qty: Decimal, chosen: Mapping[str, Decimal]) -> bool:
    """Whether `chosen` names existing lots, takes at most what each holds, and adds up to `qty`."""
    there = {lot.lot_id: lot.qty for lot in lots}
    return sum(chosen.values(), ZERO) == qty and all(
        ZERO < q <= there.get(lot_id, ZERO) for lot_id, q in chosen.items()
    )


def _oldest(lots: Sequence[Lot]) -> list[Lot]:
    return sorted(lots, key=lambda lot: lot.acquired_on)


def _by_rank(lots: Sequence[Lot], method: str) -> list[Lot]:
    held = [lot for lot in _oldest(lots) if lot.qty > 0]
    match method:
        case LotMethod.LIFO:
            return held[::-1]
        case LotMethod.HIFO:
            return sorted(held, key=_unit_cost(held), reverse=True)
        case _:
            return held


def _unit_cost(held: Sequence[Lot]) -> Callable[[Lot], tuple[bool, Decimal, Decimal]]:
    """The sort key of HIFO: a lot's cost per share, in a currency that the lots share."""
    unknown = any(lot.base_unknown for lot in held)
    in_trade_currency = unknown and len({lot.currency for lot in held}) == 1

    def dearness(lot: Lot) -> tuple[bool, Decimal, Decimal]:
        cost = EXACT.divide(lot.cost, lot.qty)
        if in_trade_currency:
            return True, cost, ZERO
        base = ZERO if lot.base_unknown else EXACT.divide(lot.cost_base, lot.qty)
        return not lot.base_unknown, base, cost

    return dearness


def _pick(lots: Sequence[Lot], qty: Decimal, method: str) -> list[tuple[Lot, Decimal]]:
    picks, rest = list[tuple[Lot, Decimal]](), qty
    for lot in _by_rank(lots, method):
        if rest <= 0:
            break
        picks.append((lot, min(lot.qty, rest)))
        rest -= picks[-1][1]
    return picks


def _choose(lots: Sequence[Lot], chosen: Mapping[str, Decimal]) -> list[tuple[Lot, Decimal]]:
    there = {lot.lot_id: lot for lot in lots}
    return [(there[lot_id], q) for lot_id, q in chosen.items()]


def _take(lot: Lot, qty: Decimal, *, value: Value, sign: int = 1) -> LotMove:
    """Take `qty` (signed like the lot) out of `lot`, with its share of the cost, for `value`."""
    parts = [qty, lot.qty - qty]
    return LotMove(
        lot_id=lot.lot_id,
        qty=-qty,
        cost=-split(lot.cost, parts, MINOR_UNITS.get(lot.currency, value.cents))[0],
        cost_base=-split(lot.cost_base, parts, value.base_cents)[0],
        acquired_on=lot.acquired_on,
        proceeds=sign * value.amount,
        proceeds_base=sign * value.base,
        realises=True,
        currency=_foreign(lot, value),
        base_unknown=lot.base_unknown,
    )


def _foreign(lot: Lot, value: Value) -> str:
    """The lot's currency if it is not the trade's; "": they are the same, or one is unknown."""
    return lot.currency if value.currency and lot.currency != value.currency else ""


def _short(lot_id: str, qty: Decimal, *, value: Value, on: date) -> LotMove:
    """Open a lot below zero whose cost is its proceeds: the gain is realised by its cover."""
    return LotMove(
        lot_id=lot_id,
        qty=-qty,
        cost=-value.amount,
        cost_base=-value.base,
        acquired_on=on,
        proceeds=value.amount,
        proceeds_base=value.base,
        realises=True,
        base_unknown=not value.base_known,
    )


def _at_average(lots: Sequence[Lot], taken: Sequence[LotMove], *, cents: Value) -> list[LotMove]:
    """`taken` at the pool's average, and a move of only cost for each lot that is not at it.

    Cost is averaged among lots of one currency, base cost among lots where it is known. Lots that
    have no shares after a bust (quantity 0) add their cost to the pool.
    """
    pool = [lot for lot in lots if lot.qty >= 0]
    left = [lot for lot in _oldest(apply(pool, taken)) if lot.qty > 0]
    costs = dict[Share, Decimal]()
    bases = dict[Share, Decimal]()
    for like in dict.fromkeys((lot.currency, lot.base_unknown) for lot in pool):
        group = [lot for lot in pool if (lot.currency, lot.base_unknown) == like]
        total = sum((lot.cost for lot in group), ZERO)
        decimals = MINOR_UNITS.get(like[0], cents.cents)
        costs |= _average(group, taken, left, total=total, decimals=decimals)
    for unknown in (False, True):
        group = [lot for lot in pool if lot.base_unknown == unknown]
        total = sum((lot.cost_base for lot in group), ZERO)
        bases |= _average(group, taken, left, total=total, decimals=cents.base_cents)
    picks = [
        replace(m, cost=-costs[m.lot_id, False], cost_base=-bases[m.lot_id, False]) for m in taken
    ]
    moves = (
        _recost(lot, costs.get((lot.lot_id, True)), bases.get((lot.lot_id, True)), cents)
        for lot in apply(pool, picks)
    )
    return picks + [m for m in moves if m.cost or m.cost_base]


def _average(
    group: Sequence[Lot],
    taken: Sequence[LotMove],
    left: Sequence[Lot],
    *,
    total: Decimal,
    decimals: int,
) -> dict[Share, Decimal]:
    """Split `total` by quantity over the parts taken from a group's lots, and those that stay.

    Returns {} if the group has no shares.
    """
    ids = {lot.lot_id for lot in group}
    out = [m for m in taken if m.lot_id in ids]
    stay = [lot for lot in left if lot.lot_id in ids]
    parts = [*(-m.qty for m in out), *(lot.qty for lot in stay)]
    if not parts:
        return {}
    names = [*((m.lot_id, False) for m in out), *((lot.lot_id, True) for lot in stay)]
    shares = dict(zip(names, split(total, parts, decimals), strict=True))
    return dict.fromkeys(((lot_id, True) for lot_id in ids), ZERO) | shares


def _recost(lot: Lot, cost: Decimal | None, base: Decimal | None, value: Value) -> LotMove:
    """The move of only cost that sets the lot's cost to `cost` and `base`; None: no change."""
    return LotMove(
        lot_id=lot.lot_id,
        qty=ZERO,
        cost=ZERO if cost is None else cost - lot.cost,
        cost_base=ZERO if base is None else base - lot.cost_base,
        acquired_on=lot.acquired_on,
        currency=_foreign(lot, value),
        base_unknown=lot.base_unknown,
    )

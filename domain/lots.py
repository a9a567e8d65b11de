"""Lots: which purchases a sale takes, and what they cost (domain.md rule 4).

    acquire  covers short lots (sold before they were bought), the rest opens one new lot
    dispose  takes from the lots by method; what no lot covers becomes a short lot
    mirror   undoes moves exactly: a bust, or a disposal whose lots are chosen again
    cover    matches lots below zero with lots above zero, which a bust may leave side by side

A lot's cost is an attribute, never a posting: purchase charges are in it, sale charges are out of
the proceeds. Shares of cost are exact: each part is rounded to `cents`, the last takes the
remainder, so no cost is lost or made.

    FIFO LIFO   by acquisition date, ties by order of arrival
    HIFO        dearest first, by cost in the base currency
    AVERAGE     quantities FIFO, every share at the pool's average; what remains is re-averaged
    SPECIFIC    FIFO until the client chooses (`chosen`)

The lots of one instrument are taken to be bought in one currency: where listings in two settle
under one ISIN, `cost` adds them unconverted, and only `cost_base` compares.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from domain.money import EXACT, ZERO, plain, quantise


class LotMethod(StrEnum):
    FIFO = "FIFO"
    LIFO = "LIFO"
    HIFO = "HIFO"
    AVERAGE = "AVERAGE"
    SPECIFIC = "SPECIFIC"


class Lot(Struct, frozen=True, kw_only=True):
    """What is left of one purchase. Below zero: sold before it was bought, cost = -proceeds."""

    lot_id: str
    qty: Decimal
    cost: Decimal
    cost_base: Decimal
    acquired_on: date
    currency: str = ""  # of cost


class LotMove(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Signed change of one lot: + acquired, - disposed of; quantity 0 re-averages its cost."""

    lot_id: str
    qty: Decimal  # signed
    cost: Decimal  # signed, total, in the trade's currency, purchase charges included
    cost_base: Decimal  # signed, total, in the account's base currency at the trade date's rate
    acquired_on: date  # trade date of the purchase; the holding period starts the day after
    proceeds: Decimal = ZERO  # this move's share of net sale proceeds; of a cover: - what it cost
    proceeds_base: Decimal = ZERO
    realises: bool = False  # a sale or a cover, or its undoing; not a purchase, not a transfer

    @property
    def gain(self) -> Decimal:
        """Realised in the trade's currency: proceeds less cost (which is signed)."""
        return self.proceeds + self.cost if self.realises else ZERO

    @property
    def gain_base(self) -> Decimal:
        return self.proceeds_base + self.cost_base if self.realises else ZERO


class Value(Struct, frozen=True, kw_only=True):
    """A total with its decimals, in the trade's and in the account's base currency."""

    amount: Decimal
    base: Decimal
    cents: int = 2
    base_cents: int = 2

    def shares(self, parts: Sequence[Decimal]) -> list["Value"]:
        """Split pro rata to `parts` (> 0 in sum); the last part takes the remainder."""
        amounts = split(self.amount, parts, self.cents)
        bases = split(self.base, parts, self.base_cents)
        return [replace(self, amount=a, base=b) for a, b in zip(amounts, bases, strict=True)]


def split(total: Decimal, parts: Sequence[Decimal], decimals: int) -> list[Decimal]:
    """`total` in proportion to `parts`, each rounded, exact in sum: the last takes the remainder.

    Each share is the difference of two rounded running totals, so none is off by more than one
    unit of the last decimal, however many there are.
    """
    whole, done, cut, shares = sum(parts, ZERO), ZERO, ZERO, list[Decimal]()
    for part in parts:
        done += part
        upto = total if done == whole else _share(total, done, whole, decimals)
        shares.append(upto - cut)
        cut = upto
    return shares


def _share(total: Decimal, part: Decimal, whole: Decimal, decimals: int) -> Decimal:
    return quantise(EXACT.divide(EXACT.multiply(total, part), whole), decimals)


def holding(lots: Iterable[Lot]) -> Decimal:
    return sum((lot.qty for lot in lots), ZERO)


def apply(lots: Sequence[Lot], moves: Iterable[LotMove], *, currency: str = "") -> tuple[Lot, ...]:
    """The lots after `moves`, in order of arrival; what is zero in everything is gone.

    `currency` is that of the cost of a lot that was not there before.
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
            currency=lot.currency if lot else currency,
        )
    return tuple(lot for lot in after.values() if lot.qty or lot.cost or lot.cost_base)


def mirror(moves: Iterable[LotMove]) -> tuple[LotMove, ...]:
    """The exact opposite of `moves`: what a bust or a restored pick does."""
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
            LotMove(lot_id=lot_id, qty=rest, cost=new.amount, cost_base=new.base, acquired_on=on)
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
        lots: what is held; short lots are left alone.
        qty: above zero.
        method: a `LotMethod`; SPECIFIC without `chosen` is FIFO.
        proceeds: shared among the picks by quantity.
        on: trade date, of a short lot.
        chosen: lot id to quantity, already checked with `can_choose`.

    Returns:
        Picks (quantity below zero) in the order taken, then AVERAGE's moves of cost alone.
    """
    picks = _choose(lots, chosen) if chosen else _pick(lots, qty, method)
    short = qty - sum((q for _, q in picks), ZERO)
    values = proceeds.shares([*(q for _, q in picks), *([short] if short else [])])
    taken = [_take(lot, q, value=v) for (lot, q), v in zip(picks, values, strict=False)]
    if method == LotMethod.AVERAGE and not chosen and taken:
        taken = _averaged(lots, taken, cents=proceeds)
    if short:
        taken.append(_short(lot_id, short, value=values[-1], on=on))
    return tuple(taken)


def cover(
    lots: Sequence[Lot], *, method: str, cents: Value, spare: Collection[str] = ()
) -> tuple[LotMove, ...]:
    """Match lots below zero with lots above zero, until one kind is used up.

    A bust leaves a lot below zero when it takes away a purchase that was sold on. The sale then
    takes other lots instead: it realises its old gain, plus the cost it had, less the cost it has.

    Args:
        method: how the lots above zero are picked.
        cents: for its decimals alone.
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
    """Whether `chosen` names lots that are there, within what each holds, and adds up to `qty`."""
    there = {lot.lot_id: lot.qty for lot in lots}
    return sum(chosen.values(), ZERO) == qty and all(
        ZERO < q <= there.get(lot_id, ZERO) for lot_id, q in chosen.items()
    )


def _oldest(lots: Sequence[Lot]) -> list[Lot]:
    return sorted(lots, key=lambda lot: lot.acquired_on)


def _ranked(lots: Sequence[Lot], method: str) -> list[Lot]:
    held = [lot for lot in _oldest(lots) if lot.qty > 0]
    match method:
        case LotMethod.LIFO:
            return held[::-1]
        case LotMethod.HIFO:
            return sorted(held, key=_unit_cost, reverse=True)
        case _:
            return held


def _unit_cost(lot: Lot) -> tuple[Decimal, Decimal]:
    return EXACT.divide(lot.cost_base, lot.qty), EXACT.divide(lot.cost, lot.qty)


def _pick(lots: Sequence[Lot], qty: Decimal, method: str) -> list[tuple[Lot, Decimal]]:
    picks, rest = list[tuple[Lot, Decimal]](), qty
    for lot in _ranked(lots, method):
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
        cost=-split(lot.cost, parts, value.cents)[0],
        cost_base=-split(lot.cost_base, parts, value.base_cents)[0],
        acquired_on=lot.acquired_on,
        proceeds=sign * value.amount,
        proceeds_base=sign * value.base,
        realises=True,
    )


def _short(lot_id: str, qty: Decimal, *, value: Value, on: date) -> LotMove:
    """A lot below zero that is worth what it brought: its gain comes with its cover."""
    return LotMove(
        lot_id=lot_id,
        qty=-qty,
        cost=-value.amount,
        cost_base=-value.base,
        acquired_on=on,
        proceeds=value.amount,
        proceeds_base=value.base,
        realises=True,
    )


def _averaged(lots: Sequence[Lot], taken: Sequence[LotMove], *, cents: Value) -> list[LotMove]:
    """`taken` at the pool's average, and a move of cost alone for each lot that is not at it.

    What busts left without shares (quantity 0) has its cost in the pool too.
    """
    pool = [lot for lot in lots if lot.qty >= 0]
    left = apply(pool, taken)
    stays = [lot for lot in _oldest(left) if lot.qty > 0]
    shares = replace(
        cents,
        amount=sum((lot.cost for lot in pool), ZERO),
        base=sum((lot.cost_base for lot in pool), ZERO),
    ).shares([*(-m.qty for m in taken), *(lot.qty for lot in stays)])
    picks = [
        replace(m, cost=-v.amount, cost_base=-v.base) for m, v in zip(taken, shares, strict=False)
    ]
    target = dict(zip((lot.lot_id for lot in stays), shares[len(taken) :], strict=True))
    nothing = replace(cents, amount=ZERO, base=ZERO)
    moves = (_recost(lot, target.get(lot.lot_id, nothing)) for lot in apply(pool, picks))
    return picks + [m for m in moves if m.cost or m.cost_base]


def _recost(lot: Lot, value: Value) -> LotMove:
    return LotMove(
        lot_id=lot.lot_id,
        qty=ZERO,
        cost=value.amount - lot.cost,
        cost_base=value.base - lot.cost_base,
        acquired_on=lot.acquired_on,
    )

"""What an account does on a day: pure, on the previous session's data only.

    session of the month   0                          1                   2
                           deposits, withdrawals,     convert base        invest the cash
                           sell what is overweight    currency to USD     within a margin

The month has a rhythm because the cash has to be there first: a sale's proceeds and a
conversion are spent a session later.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import ROUND_DOWN, Decimal

from msgspec import Struct

from domain.account.cash import DepositCash
from domain.account.exchange import ConvertCurrency
from domain.account.withdrawals import WithdrawCash
from domain.order.commands import CancelOrder, PlaceOrder
from domain.shared.fix import OrdType, Side, TimeInForce
from domain.shared.message import Command
from domain.shared.money import ZERO, quantise, round_money
from simulation.plans import Plan, Strategy

TRADED = "USD"  # the currency of every listed stock
SPEND = Decimal("0.97")  # of available cash: charges and the market's move come on top
LIMIT_MARGIN = Decimal("1.015")  # a buyer's limit above the last close
FEES_KEPT = Decimal("0.02")  # of the opening deposit
BAND = Decimal("0.02")  # overweight by less than this part of the book is left alone
WORTHWHILE = Decimal(200)  # smaller orders are not sent, USD


class Market(Struct, frozen=True, kw_only=True):
    """The previous session, as every strategy sees it."""

    day: date  # today
    session: int  # of the run, 0-based
    of_month: int  # session of the month, 0-based
    closes: Mapping[str, Decimal]
    ranking: tuple[str, ...]  # best first, by the last six months' return
    per_eur: Mapping[str, Decimal]  # ECB fixing of the previous day


class Holdings(Struct, frozen=True, kw_only=True):
    """An account at the previous close."""

    cash: Mapping[str, Decimal]  # available to trade, by currency
    withdrawable: Mapping[str, Decimal]
    shares: Mapping[str, Decimal]  # sellable, by symbol


def acts(plan: Plan, market: Market, held: Holdings) -> Iterator[Command]:
    """Today's commands of one account, in order. Ids follow from account and day."""
    if market.session == 0:
        yield _deposit(plan, market, plan.opening, "opening")
        return
    if market.of_month == 0:
        yield from _payments(plan, market, held)
        yield from _sales(plan, market, held)
    if market.of_month == 1 or market.session == 1:
        yield from _conversion(plan, market, held)
    if market.of_month == 2 or market.session == 2:
        yield from _purchases(plan, market, held)
    yield from _speculation(plan, market, held)


def _fee_reserve(plan: Plan, currency: str) -> Decimal:
    """Cash left alone in the base currency, for fees to come."""
    return plan.opening * FEES_KEPT if currency == plan.base_currency else ZERO


def targets(plan: Plan, market: Market) -> tuple[str, ...]:
    if plan.strategy is Strategy.MOMENTUM:
        return market.ranking[: len(plan.symbols)]
    return plan.symbols


def _id(plan: Plan, market: Market, what: str) -> str:
    return f"{plan.account_id}.{market.day:%Y%m%d}.{what}"


def _deposit(plan: Plan, market: Market, amount: Decimal, what: str) -> Command:
    return DepositCash(
        account_id=plan.account_id,
        amount=round_money(amount, plan.base_currency),
        currency=plan.base_currency,
        reference=_id(plan, market, what),
    )


def _payments(plan: Plan, market: Market, held: Holdings) -> Iterator[Command]:
    if plan.monthly:
        yield _deposit(plan, market, plan.monthly, "saving")
    if plan.strategy is Strategy.SAVINGS and market.day.month == 6:
        spare = held.withdrawable.get(plan.base_currency, ZERO)
        amount = min(spare, plan.monthly)
        if amount > 0:
            yield WithdrawCash(
                account_id=plan.account_id,
                amount=round_money(amount, plan.base_currency),
                currency=plan.base_currency,
                reference=_id(plan, market, "holiday"),
            )


def _conversion(plan: Plan, market: Market, held: Holdings) -> Iterator[Command]:
    base = plan.base_currency
    if base == TRADED or (plan.strategy is Strategy.SAVINGS and market.day.month == 5):
        return
    spare = held.cash.get(base, ZERO) - _fee_reserve(plan, base)
    rate = market.per_eur[TRADED] / market.per_eur[base]
    wanted = round_money(spare * SPEND * rate, TRADED, ROUND_DOWN)
    if wanted > WORTHWHILE:
        yield ConvertCurrency(
            account_id=plan.account_id,
            fx_id=_id(plan, market, "fx"),
            buy_currency=TRADED,
            buy_amount=wanted,
            sell_currency=base,
        )


def _sales(plan: Plan, market: Market, held: Holdings) -> Iterator[Command]:
    if plan.strategy not in (Strategy.REBALANCE, Strategy.MOMENTUM):
        return
    wanted = targets(plan, market)
    book = _book_value(market, held)
    for symbol, shares in sorted(held.shares.items()):
        value = shares * market.closes[symbol]
        target = book / len(wanted) if symbol in wanted else ZERO
        if symbol in wanted and value - target < book * BAND:
            continue
        qty = shares if target == 0 else quantise((value - target) / market.closes[symbol], 0)
        if 0 < qty <= shares:
            yield _order(plan, market, symbol, qty, side=Side.SELL)


def _purchases(plan: Plan, market: Market, held: Holdings) -> Iterator[Command]:
    if plan.strategy is Strategy.BUY_AND_HOLD and held.shares:
        return
    wanted = targets(plan, market)
    book = _book_value(market, held)
    spend = max(held.cash.get(TRADED, ZERO) - _fee_reserve(plan, TRADED), ZERO) * SPEND
    gaps = {
        s: max(book / len(wanted) - held.shares.get(s, ZERO) * market.closes[s], ZERO)
        for s in wanted
    }
    total = sum(gaps.values())
    for symbol in wanted:
        budget = spend * gaps[symbol] / total if total else ZERO
        if plan.strategy is Strategy.SAVINGS:
            budget = spend / len(wanted)
        qty = quantise(budget / (market.closes[symbol] * LIMIT_MARGIN), 0, ROUND_DOWN)
        if qty > 0 and qty * market.closes[symbol] >= WORTHWHILE:
            yield _order(plan, market, symbol, qty, side=Side.BUY)


def _speculation(plan: Plan, market: Market, held: Holdings) -> Iterator[Command]:
    """Momentum accounts bid below the market now and then, and take the bid back next day."""
    if plan.strategy is not Strategy.MOMENTUM:
        return
    symbol = market.ranking[0]
    px = quantise(market.closes[symbol] * Decimal("0.96"), 2)
    if market.of_month == 5 and held.cash.get(TRADED, ZERO) > 2 * px:
        yield PlaceOrder(
            order_id=f"{plan.account_id}.{market.day:%Y%m}.bid",
            account_id=plan.account_id,
            instrument_id=symbol,
            side=Side.BUY,
            qty=Decimal(1),
            ord_type=OrdType.LIMIT,
            limit_px=px,
            time_in_force=TimeInForce.GTC,
        )
    if market.of_month == 7 and market.session > 7:
        yield CancelOrder(order_id=f"{plan.account_id}.{market.day:%Y%m}.bid", reason="client")


def _order(plan: Plan, market: Market, symbol: str, qty: Decimal, *, side: Side) -> Command:
    """Buys carry a limit a little above the close; sales go at the market."""
    limit = quantise(market.closes[symbol] * LIMIT_MARGIN, 2) if side is Side.BUY else None
    return PlaceOrder(
        order_id=_id(plan, market, f"{side.value[0]}.{symbol}"),
        account_id=plan.account_id,
        instrument_id=symbol,
        side=side,
        qty=qty,
        ord_type=OrdType.LIMIT if limit is not None else OrdType.MARKET,
        limit_px=limit,
    )


def _book_value(market: Market, held: Holdings) -> Decimal:
    shares = sum((q * market.closes[s] for s, q in held.shares.items()), ZERO)
    return shares + max(held.cash.get(TRADED, ZERO), ZERO)

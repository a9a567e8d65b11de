"""Base cost: once a missing rate is fixed, have the account state its trades' base cost.

    trade.booked without a rate -> waiting -fx.fixed with its currency-> StateBaseCost
                                      `-trade.base_stated | trade.busted-> no longer waiting

One saga follows the whole log, because a fixing belongs to no account. The account itself decides
which costs a fixing makes known: if another rate is still missing, it states nothing and gets the
command again at the next fixing. A trade booked just after its fixing gets the command at once.
"""

from msgspec import Struct
from msgspec.structs import replace

from domain.account.base_cost import BaseCostStated, StateBaseCost
from domain.account.busts import TradeBusted
from domain.account.trades import TradeBooked
from domain.fx import BASE, RatesFixed
from domain.shared.envelope import Envelope
from domain.shared.message import Command
from sagas.engine.ports import Deadline, correlation

NAME, VERSION = "base_cost", 1
SOURCE = "ecb"  # whose fixings value an account; also the one saga's id
COMMANDS: tuple[type[Command], ...] = (StateBaseCost,)


class Waiting(Struct, frozen=True, kw_only=True):
    trades: dict[str, dict[str, str]] = {}  # account -> trade -> currency that lacks a rate
    fixed: tuple[str, ...] = ()  # currencies of the last fixing


INITIAL = Waiting()


def correlate(arrived: Envelope) -> str | None:
    match arrived.event:
        case TradeBooked(base_rate=rate):
            return None if rate else SOURCE
        case RatesFixed(source=source):
            return SOURCE if source == SOURCE else None
        case BaseCostStated() | TradeBusted():
            return SOURCE
        case _:
            return _own(arrived)


def evolve(state: Waiting, arrived: Envelope) -> Waiting:
    match arrived.event:
        case TradeBooked() as e:
            of_account = state.trades.get(e.account_id, {}) | {e.trade_id: e.currency}
            return replace(state, trades=state.trades | {e.account_id: of_account})
        case RatesFixed(rates=rates):
            return replace(state, fixed=tuple(sorted({BASE, *rates})))
        case BaseCostStated() | TradeBusted() as e if e.account_id in state.trades:
            rest = {k: c for k, c in state.trades[e.account_id].items() if k != e.trade_id}
            others = {k: t for k, t in state.trades.items() if k != e.account_id}
            return replace(state, trades=others | ({e.account_id: rest} if rest else {}))
        case _:
            return state


def react(state: Waiting, arrived: Envelope) -> tuple[Command, ...]:
    now = evolve(state, arrived)
    match arrived.event:
        case TradeBooked(account_id=account_id, currency=currency) if currency in now.fixed:
            return (StateBaseCost(account_id=account_id),)
        case RatesFixed():
            fixed = set(now.fixed)
            return tuple(
                StateBaseCost(account_id=account_id)
                for account_id, trades in now.trades.items()
                if not fixed.isdisjoint(trades.values())
            )
        case _:
            return ()


def due(state: Waiting) -> Deadline | None:
    return None


def ended(state: Waiting) -> bool:
    return not state.trades


_own = correlation(NAME, {})

"""FIX 4.4 words, in our spelling, that orders, accounts and views share."""

from enum import StrEnum


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"
    SELL_SHORT = "SELL_SHORT"


def other(side: Side) -> Side:
    """The side that undoes it."""
    return Side.SELL if side is Side.BUY else Side.BUY


class OrdType(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"


class TimeInForce(StrEnum):
    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTD = "GTD"
    OPG = "OPG"
    CLS = "CLS"


MULTI_DAY = frozenset({TimeInForce.GTC, TimeInForce.GTD})
"""Orders that live on after a trading day: done for day leaves them open and ends all others."""


class OrdStatus(StrEnum):
    """Tag 39. Of the statuses that apply, the highest by precedence is shown."""

    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    DONE_FOR_DAY = "DONE_FOR_DAY"
    CANCELED = "CANCELED"
    PENDING_CANCEL = "PENDING_CANCEL"
    STOPPED = "STOPPED"
    REJECTED = "REJECTED"
    SUSPENDED = "SUSPENDED"
    CALCULATED = "CALCULATED"
    EXPIRED = "EXPIRED"
    PENDING_REPLACE = "PENDING_REPLACE"


class ExecType(StrEnum):
    """Tag 150, the values for an execution."""

    TRADE = "F"
    TRADE_CORRECT = "G"
    TRADE_CANCEL = "H"


class CxlRejResponseTo(StrEnum):
    """Tag 434: which request an OrderCancelReject answers."""

    CANCEL = "1"
    REPLACE = "2"


class OrdRejReason(StrEnum):
    """Tag 103, the values that we give."""

    BROKER_OPTION = "0"
    UNKNOWN_SYMBOL = "1"
    EXCHANGE_CLOSED = "2"
    EXCEEDS_LIMIT = "3"
    DUPLICATE = "6"
    OTHER = "99"


class Capacity(StrEnum):
    """Trading capacity (528 as regulators report it)."""

    DEAL = "DEAL"  # own account
    MTCH = "MTCH"  # matched principal
    AOTC = "AOTC"  # any other: agency


class Advice(StrEnum):
    """How the order came about, as conduct rules distinguish it."""

    EXECUTION_ONLY = "execution_only"
    NON_ADVISED = "non_advised"
    ADVISED = "advised"
    DISCRETIONARY = "discretionary"

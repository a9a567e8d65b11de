"""The refusals that each command of an order may get.

The OpenAPI document and the last column of `docs/commands.md` are generated from it. A test fails
on any other refusal (`tests/unit/domain/scenario.py`).
"""

from collections.abc import Mapping

from domain.order import commands
from domain.order.refusals import OrderRefusal as R
from domain.shared.dates import DateRefusal
from domain.shared.message import Command, Refusal

_Refusals = tuple[Refusal, ...]

_DATE: _Refusals = (DateRefusal.DATE_IN_FUTURE, DateRefusal.DATE_TOO_EARLY)
_TRADABLE: _Refusals = (R.ACCOUNT_NOT_OPEN, R.CLOSING_ONLY, R.INSTRUMENT_NOT_TRADABLE)
_DESK: _Refusals = (
    R.KILL_SWITCH,
    R.INSTRUMENT_RESTRICTED,
    R.ORDER_LIMIT_EXCEEDED,
    R.PRICE_COLLAR,
)
_TERMS: _Refusals = (
    R.QTY_NOT_POSITIVE,
    R.QTY_INCREMENT,
    R.LIMIT_PX_NOT_ALLOWED,
    R.PX_NOT_POSITIVE,
    R.TICK_SIZE,
    R.CODE_INVALID,
    R.POWER_MISSING,
)

_JUDGED: Mapping[type[Command], _Refusals] = {
    commands.CancelOrder: (R.ORDER_NOT_OPEN, R.CANCEL_PENDING),
    commands.ReplaceOrder: (
        R.ORDER_NOT_OPEN,
        R.REPLACE_PENDING,
        R.CANCEL_PENDING,
        R.NOTHING_CHANGES,
        R.QTY_BELOW_FILLED,
        *_TRADABLE,
        *_TERMS,
        *_DESK,
    ),
    commands.ReleaseOrder: (),
    commands.RejectOrder: (),
    commands.RefuseReplace: (),
    commands.RecordAck: (),
    commands.RecordReject: (),
    commands.RecordFill: (R.REPORT_INVALID, *_DATE),
    commands.RecordTradeCancel: _DATE,
    commands.RecordTradeCorrect: (R.REPORT_INVALID, *_DATE),
    commands.RecordCanceled: (),
    commands.RecordCancelReject: (),
    commands.RecordReplaced: (R.REPORT_INVALID,),
    commands.RecordExpired: (),
    commands.RecordStatus: (R.REPORT_INVALID,),
}
"""Refusals by each command's own rules; `REFUSALS` adds `ORDER_UNKNOWN` to each."""

_PLACING: _Refusals = (
    R.ORDER_EXISTS,
    R.ACCOUNT_UNKNOWN,
    R.INSTRUMENT_UNKNOWN,
    *_TRADABLE,
    R.MARKET_NOT_SUPPORTED,
    R.SETTLEMENT_CURRENCY_DIFFERS,
    *_TERMS,
    R.LIMIT_PX_MISSING,
    R.STOP_PX_MISSING,
    R.STOP_PX_NOT_ALLOWED,
    R.EXPIRE_AT_MISSING,
    R.EXPIRE_AT_PAST,
    R.PRICE_UNKNOWN,
    R.SHORT_SALE_NOT_PERMITTED,
    *_DESK,
    R.AVERAGE_COST_NOT_PERMITTED,
)

REFUSALS: Mapping[type[Command], _Refusals] = {
    commands.PlaceOrder: _PLACING,
    **{kind: (R.ORDER_UNKNOWN, *judged) for kind, judged in _JUDGED.items()},
}

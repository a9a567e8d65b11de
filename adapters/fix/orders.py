"""Our messages of `adapters.counterparties.fix` as FIX 4.4 fields, and back.

    message -> (MsgType, fields)          raw fields -> message

Each field of a message is one row of a table: our name, the tag, and how its value is written.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

from msgspec.structs import fields as fields_of

from adapters.counterparties.fix import (
    DkReason,
    DontKnowTrade,
    ExecType,
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMassCancelRequest,
    OrderStatusRequest,
)
from adapters.fix.text import BadMessage, Fields, number, timestamp, utc_time
from adapters.fix.words import ORD_STATUS, ORD_TYPE, SIDE, TIME_IN_FORCE
from domain.shared.fix import CxlRejResponseTo, OrdRejReason

ISIN_SOURCE = "4"  # SecurityIDSource (22)
NO_SYMBOL = "[N/A]"  # Symbol (55) is required where we may know none


class _Row(NamedTuple):
    name: str
    tag: int
    write: Callable[[Any], str]
    read: Callable[[Fields, int], Any]  # from a field that is there


def _text(name: str, tag: int) -> _Row:
    return _Row(name, tag, str, Fields.get)


def _amount(name: str, tag: int) -> _Row:
    return _Row(name, tag, number, Fields.decimal)


def _time(name: str, tag: int) -> _Row:
    return _Row(name, tag, timestamp, lambda f, t: utc_time(f.need(t), t))


def _day(name: str, tag: int) -> _Row:
    return _Row(name, tag, lambda d: f"{d:%Y%m%d}", _read_day)


def _coded(name: str, tag: int, codes: Mapping[Any, str]) -> _Row:
    words = {code: word for word, code in codes.items()}

    def read(fields: Fields, at: int) -> Any:
        code = fields.need(at)
        if code not in words:
            raise BadMessage(f"tag {at}: value {code[:20]!r} is not among {sorted(words)}")
        return words[code]

    return _Row(name, tag, codes.__getitem__, read)


def _enum(name: str, tag: int, kind: type[Enum]) -> _Row:
    return _coded(name, tag, {word: str(word.value) for word in kind})


def _read_day(fields: Fields, tag: int) -> date:
    value = fields.need(tag)
    try:
        return datetime.strptime(value, "%Y%m%d").date()
    except ValueError:
        raise BadMessage(f"tag {tag}: {value[:20]!r} is no date YYYYMMDD") from None


_CL_ORD_ID, _ORIG = _text("cl_ord_id", 11), _text("orig_cl_ord_id", 41)
_OURS, _SYMBOL = _text("secondary_cl_ord_id", 526), _text("symbol", 55)
_SIDE, _QTY, _PRICE = _coded("side", 54, SIDE), _amount("order_qty", 38), _amount("price", 44)
_AT, _WHY = _time("transact_time", 60), _text("text", 58)
_KIND = _coded("ord_type", 40, ORD_TYPE)
_CHANGE = (_CL_ORD_ID, _ORIG, _OURS, _SYMBOL, _SIDE, _QTY)
_ROWS: Mapping[type[Any], tuple[_Row, ...]] = {
    NewOrderSingle: (
        _CL_ORD_ID,
        _OURS,
        _SYMBOL,
        _text("security_id", 48),
        _text("security_exchange", 207),
        _text("ex_destination", 100),
        _SIDE,
        _QTY,
        _KIND,
        _PRICE,
        _amount("stop_px", 99),
        _coded("time_in_force", 59, TIME_IN_FORCE),
        _time("expire_time", 126),
        _text("currency", 15),
        _AT,
    ),
    OrderCancelRequest: (*_CHANGE, _AT),
    OrderCancelReplaceRequest: (*_CHANGE, _KIND, _PRICE, _AT),
    OrderStatusRequest: (_CL_ORD_ID, _OURS, _SYMBOL, _SIDE),
    OrderMassCancelRequest: (_CL_ORD_ID, _text("request_type", 530), _SYMBOL, _SIDE, _AT),
    DontKnowTrade: (
        _text("order_id", 37),
        _text("exec_id", 17),
        _enum("dk_reason", 127, DkReason),
        _SYMBOL,
        _SIDE,
        _QTY,
        _amount("last_qty", 32),
        _amount("last_px", 31),
        _WHY,
    ),
    ExecutionReport: (
        _text("order_id", 37),
        _CL_ORD_ID,
        _OURS,
        _ORIG,
        _text("exec_id", 17),
        _text("exec_ref_id", 19),
        _enum("exec_type", 150, ExecType),
        _coded("ord_status", 39, ORD_STATUS),
        _SYMBOL,
        _SIDE,
        _QTY,
        _PRICE,
        _amount("last_qty", 32),
        _amount("last_px", 31),
        _amount("leaves_qty", 151),
        _amount("cum_qty", 14),
        _amount("avg_px", 6),
        _day("trade_date", 75),
        _AT,
        _text("last_mkt", 30),
        _text("last_capacity", 29),
        _text("last_liquidity", 851),
        _text("contra", 375),
        _enum("ord_rej_reason", 103, OrdRejReason),
        _WHY,
    ),
    OrderCancelReject: (
        _text("order_id", 37),
        _CL_ORD_ID,
        _ORIG,
        _OURS,
        _coded("ord_status", 39, ORD_STATUS),
        _enum("cxl_rej_response_to", 434, CxlRejResponseTo),
        _AT,
        _WHY,
    ),
}
_TYPES: Mapping[type[Any], str] = {kind: str(kind.__struct_config__.tag) for kind in _ROWS}
_KINDS = {code: kind for kind, code in _TYPES.items()}


def to_fields(message: Any) -> tuple[str, list[tuple[int, str]]]:
    """(MsgType, the body's fields in order); values that say nothing are left out."""
    kind = type(message)
    pairs: list[tuple[int, str]] = []
    for row in _ROWS[kind]:
        value = getattr(message, row.name)
        if value is None or value == "":
            continue
        if row.tag == 48:
            pairs.append((22, ISIN_SOURCE))
        if row.tag == 375:
            pairs.append((382, "1"))  # NoContraBrokers: the group's size
        pairs.append((row.tag, row.write(value)))
    if getattr(message, "poss_resend", False):
        pairs.append((97, "Y"))
    tags = {tag for tag, _ in pairs}
    if 55 not in tags and _SYMBOL in _ROWS[kind]:
        pairs.append((55, NO_SYMBOL))
    return _TYPES[kind], pairs


def from_fields(fields: Fields) -> Any | None:
    """The message of ours; None: a message type that this module does not read.

    Raises:
        BadMessage: a required field is missing, or a value is none that the field may have.
    """
    kind = _KINDS.get(fields.msg_type)
    if kind is None:
        return None
    known: dict[str, Any] = {}
    for row in _ROWS[kind]:
        if fields.get(row.tag):
            known[row.name] = row.read(fields, row.tag)
    if known.get("symbol") == NO_SYMBOL:
        known["symbol"] = ""
    if "poss_resend" in kind.__struct_fields__ and fields.flag(97):
        known["poss_resend"] = True
    return _made(kind, _defaults(kind, fields, known))


def _defaults(kind: type[Any], fields: Fields, known: dict[str, Any]) -> dict[str, Any]:
    """Fields that the standard leaves optional and we need: from others of the message."""
    if kind in (ExecutionReport, OrderCancelReject):
        sent_at = utc_time(fields.need(52), 52) if "transact_time" not in known else None
        known.setdefault("transact_time", sent_at)
    if kind is ExecutionReport:
        known.setdefault("trade_date", known["transact_time"].date())
        known.setdefault("cl_ord_id", "")
        total = known.get("leaves_qty", Decimal(0)) + known.get("cum_qty", Decimal(0))
        known.setdefault("order_qty", total)
    return known


def _made(kind: type[Any], known: dict[str, Any]) -> Any:
    try:
        return kind(**known)
    except TypeError:
        missing = _missing(kind, known)
        tags = {row.name: row.tag for row in _ROWS[kind]}
        tag = tags.get(missing, 0)
        raise BadMessage(f"tag {tag} ({missing}) is missing in {_TYPES[kind]}") from None


def _missing(kind: type[Any], known: Mapping[str, Any]) -> str:
    required = (f.encode_name for f in fields_of(kind) if f.required)
    return next(name for name in required if name not in known)

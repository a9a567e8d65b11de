"""FIX 4.4 codes of the words that our messages use."""

from domain.shared.fix import OrdStatus, OrdType, Side, TimeInForce

SIDE = {Side.BUY: "1", Side.SELL: "2", Side.SELL_SHORT: "5"}
ORD_TYPE = {
    OrdType.MARKET: "1",
    OrdType.LIMIT: "2",
    OrdType.STOP: "3",
    OrdType.STOP_LIMIT: "4",
}
TIME_IN_FORCE = {
    TimeInForce.DAY: "0",
    TimeInForce.GTC: "1",
    TimeInForce.OPG: "2",
    TimeInForce.IOC: "3",
    TimeInForce.FOK: "4",
    TimeInForce.GTD: "6",
    TimeInForce.CLS: "7",
}
ORD_STATUS = {
    OrdStatus.NEW: "0",
    OrdStatus.PARTIALLY_FILLED: "1",
    OrdStatus.FILLED: "2",
    OrdStatus.DONE_FOR_DAY: "3",
    OrdStatus.CANCELED: "4",
    OrdStatus.PENDING_CANCEL: "6",
    OrdStatus.STOPPED: "7",
    OrdStatus.REJECTED: "8",
    OrdStatus.SUSPENDED: "9",
    OrdStatus.PENDING_NEW: "A",
    OrdStatus.CALCULATED: "B",
    OrdStatus.EXPIRED: "C",
    OrdStatus.PENDING_REPLACE: "E",
}

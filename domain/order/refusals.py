"""Why a command of an order is refused. `refusal_table` lists the refusals of each command."""

from domain.shared.message import Refusal


class OrderRefusal(Refusal):
    ORDER_EXISTS = "order_exists"
    ORDER_UNKNOWN = "order_unknown"
    ORDER_NOT_OPEN = "order_not_open"
    REPORT_INVALID = "report_invalid"  # a venue's figures that cannot be stored exactly
    ACCOUNT_UNKNOWN = "account_unknown"
    ACCOUNT_NOT_OPEN = "account_not_open"
    CLOSING_ONLY = "closing_only"
    CODE_INVALID = "code_invalid"
    INSTRUMENT_UNKNOWN = "instrument_unknown"
    INSTRUMENT_NOT_TRADABLE = "instrument_not_tradable"
    MARKET_NOT_SUPPORTED = "market_not_supported"  # no settlement calendar
    SETTLEMENT_CURRENCY_DIFFERS = "settlement_currency_differs"  # quoted in other money
    QTY_NOT_POSITIVE = "qty_not_positive"
    QTY_INCREMENT = "qty_increment"
    QTY_BELOW_FILLED = "qty_below_filled"
    LIMIT_PX_MISSING = "limit_px_missing"
    LIMIT_PX_NOT_ALLOWED = "limit_px_not_allowed"
    STOP_PX_MISSING = "stop_px_missing"
    STOP_PX_NOT_ALLOWED = "stop_px_not_allowed"
    PX_NOT_POSITIVE = "px_not_positive"
    TICK_SIZE = "tick_size"
    EXPIRE_AT_MISSING = "expire_at_missing"
    EXPIRE_AT_PAST = "expire_at_past"
    PRICE_UNKNOWN = "price_unknown"
    AVERAGE_COST_NOT_PERMITTED = "average_cost_not_permitted"
    SHORT_SALE_NOT_PERMITTED = "short_sale_not_permitted"
    POWER_MISSING = "power_missing"
    KILL_SWITCH = "kill_switch"
    INSTRUMENT_RESTRICTED = "instrument_restricted"
    ORDER_LIMIT_EXCEEDED = "order_limit_exceeded"
    PRICE_COLLAR = "price_collar"
    CANCEL_PENDING = "cancel_pending"
    REPLACE_PENDING = "replace_pending"
    NOTHING_CHANGES = "nothing_changes"

"""Why an instrument refuses a command."""

from domain.shared.message import Refusal


class InstrumentRefusal(Refusal):
    INSTRUMENT_EXISTS = "instrument_exists"
    INSTRUMENT_UNKNOWN = "instrument_unknown"
    INSTRUMENT_DELISTED = "instrument_delisted"
    INSTRUMENT_NOT_HALTED = "instrument_not_halted"
    ISIN_DIFFERS = "isin_differs"
    ISIN_HELD = "isin_held"
    ISIN_INVALID = "isin_invalid"
    MIC_INVALID = "mic_invalid"
    MARKET_COUNTRY_INVALID = "market_country_invalid"
    CURRENCY_UNKNOWN = "currency_unknown"
    SIZE_NOT_POSITIVE = "size_not_positive"
    SETTLEMENT_CURRENCY_DIFFERS = "settlement_currency_differs"
    PRICE_FACTOR_DIFFERS = "price_factor_differs"

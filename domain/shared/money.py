"""Money: exact decimal amounts in ISO 4217 currencies, and the one function that rounds.

Input is refused when it is not exact (`is_exact`); only results of multiplication (a charge,
a conversion) are rounded, by `quantise`, half to even unless the rule says otherwise.

Source: ISO 4217 list one (2025-01), minor units.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation

ZERO = Decimal(0)
QTY_DECIMALS, PRICE_DECIMALS, RATE_DECIMALS = 8, 10, 12
DIGITS_MAX = 25  # before the point; what comes from outside has 15 at most
EXACT = Context(prec=60, traps=[InvalidOperation])

_TWO = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
    "GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD "
    "MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP "
    "PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS "
    "TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW ZWG"
)
_ZERO = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
MINOR_UNITS: dict[str, int] = (
    dict.fromkeys(_TWO.split(), 2)
    | dict.fromkeys(_ZERO.split(), 0)
    | dict.fromkeys(_THREE.split(), 3)
)
"""Currency code -> decimals of its minor unit."""

_QUANTUM = {n: Decimal(1).scaleb(-n) for n in range(13)}


def is_currency(code: str) -> bool:
    return code in MINOR_UNITS


def is_exact(amount: Decimal, decimals: int) -> bool:
    """Whether `amount` is a finite number with no more than `decimals` decimals.

    A number of 10^25 or more is never exact, so that a product of two figures fits into `EXACT`.
    """
    return _exactly(amount, decimals) is not None


def is_money(amount: Decimal, currency: str) -> bool:
    """Whether `amount` can be held in `currency` to the minor unit."""
    return is_currency(currency) and is_exact(amount, MINOR_UNITS[currency])


def _exactly(amount: Decimal, decimals: int) -> Decimal | None:
    if not amount.is_finite() or amount.adjusted() >= DIGITS_MAX:
        return None
    rounded = amount.quantize(_QUANTUM[decimals], context=EXACT)
    return rounded if rounded == amount else None


def quantise(amount: Decimal, decimals: int, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """`amount` rounded to `decimals`, with exactly that many (so that equal values print equal)."""
    return amount.quantize(_QUANTUM[decimals], rounding=rounding, context=EXACT)


def round_money(amount: Decimal, currency: str, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    return quantise(amount, MINOR_UNITS[currency], rounding)


def money(amount: Decimal, currency: str) -> Decimal:
    """`amount` in its currency's canonical form; it must be exact.

    Raises:
        Inexact: the amount has more decimals than the currency.
    """
    exact = _exactly(amount, MINOR_UNITS[currency]) if is_currency(currency) else None
    if exact is None:
        raise Inexact(f"{amount} {currency}")
    return exact


def qty(amount: Decimal) -> Decimal:
    """A quantity in canonical form: no exponent, no trailing zeros ("100", "0.5")."""
    if not is_exact(amount, QTY_DECIMALS):
        raise Inexact(f"quantity {amount}")
    return plain(amount)


def plain(number: Decimal) -> Decimal:
    """The same number with neither exponent nor trailing zeros."""
    short = number.normalize(EXACT)
    return short.quantize(_QUANTUM[0], context=EXACT) if "E+" in str(short) else short

"""Real identifiers and near misses. Data only: (kind, text, whether it is valid, the reason).

ISINs, LEIs and IBANs are published examples: of the listed issuers themselves, of GLEIF, and of
the IBAN registry.
"""

from typing import NamedTuple


class Case(NamedTuple):
    kind: str  # id, isin, lei, mic, country, iban
    text: str
    valid: bool
    why: str


CASES = (
    Case("id", "A1", True, "short"),
    Case("id", "acct.2024-01_x", True, "all the punctuation there is"),
    Case("id", "x" * 64, True, "the longest"),
    Case("id", "x" * 65, False, "one too long"),
    Case("id", "", False, "empty"),
    Case("id", "a b", False, "a blank"),
    Case("id", "a/b", False, "a slash"),
    Case("id", "a\n", False, "a newline at the end"),
    Case("id", "é", False, "not ASCII"),
    Case("id", "\u0661", False, "a digit, but not an ASCII one"),
    Case("isin", "US0378331005", True, "Apple"),
    Case("isin", "GB0002374006", True, "Diageo"),
    Case("isin", "DE0007164600", True, "SAP"),
    Case("isin", "XS0203470157", True, "an international bond: XS is no country"),
    Case("isin", "US0378331006", False, "wrong check digit"),
    Case("isin", "US0373831005", False, "two digits swapped"),
    Case("isin", "us0378331005", False, "lower case"),
    Case("isin", "US 0378331005", False, "a blank"),
    Case("isin", "US037833100", False, "too short"),
    Case("isin", "ZZ0378331000", False, "no such prefix"),
    Case("lei", "5493001KJTIIGC8Y1R12", True, "the standard's example"),
    Case("lei", "213800WSGIIZCXF1P572", True, "Jaguar Land Rover"),
    Case("lei", "5493001KJTIIGC8Y1R13", False, "wrong check digits"),
    Case("lei", "5493001KJTIIGC8Y1R1", False, "too short"),
    Case("mic", "XNYS", True, "New York"),
    Case("mic", "360T", True, "may begin with a digit"),
    Case("mic", "XNY", False, "too short"),
    Case("mic", "xnys", False, "lower case"),
    Case("mic", "XNYS\n", False, "a newline at the end"),
    Case("country", "US", True, "assigned"),
    Case("country", "GB", True, "assigned"),
    Case("country", "UK", False, "reserved, not assigned"),
    Case("country", "EU", False, "reserved, not assigned"),
    Case("country", "XX", False, "for private use"),
    Case("country", "us", False, "lower case"),
    Case("country", "", False, "empty"),
    Case("iban", "GB82WEST12345698765432", True, "the registry's example"),
    Case("iban", "DE89370400440532013000", True, "the registry's example"),
    Case("iban", "CH9300762011623852957", True, "the registry's example"),
    Case("iban", "GB82 WEST 1234 5698 7654 32", False, "as printed, not as stored"),
    Case("iban", "GB82WEST12345698765433", False, "wrong check digits"),
    Case("iban", "DE8937040044053201300", False, "too short for Germany"),
)

"""Identifiers: which texts are valid ids, our own and those of public registers.

Each `is_...` takes the canonical form only: upper case, no blanks, no separators.
Sources: ISO 6166 (ISIN), ISO 17442 (LEI), ISO 10383 (MIC), ISO 3166-1 alpha-2, ISO 13616 (IBAN).
"""

import re

from stdnum import iban, isin, lei

ID_CHARS_MAX = 64
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_MIC = re.compile(r"[A-Z0-9]{4}", re.ASCII)

_COUNTRIES = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ "
    "BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM "
    "DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS "
    "GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN "
    "KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ "
    "MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
    "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV "
    "SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI "
    "VN VU WF WS YE YT ZA ZM ZW"
)
COUNTRIES = frozenset(_COUNTRIES.split())


def is_id(text: str) -> bool:
    """Whether `text` may be an opaque id: of a client, an account, an order, a stream."""
    return _ID.fullmatch(text) is not None


def is_isin(text: str) -> bool:
    """Whether `text` is an ISIN with a known prefix and a right check digit."""
    return _canonical(text) and isin.compact(text) == text and isin.is_valid(text)


def is_lei(text: str) -> bool:
    """Whether `text` is a Legal Entity Identifier with right check digits."""
    return _canonical(text) and lei.compact(text) == text and lei.is_valid(text)


def is_iban(text: str) -> bool:
    """Whether `text` is an IBAN of its country's form with right check digits."""
    return _canonical(text) and iban.compact(text) == text and iban.is_valid(text)


def is_mic(text: str) -> bool:
    """Whether `text` has the form of a Market Identifier Code; the register is not consulted."""
    return _MIC.fullmatch(text) is not None


def is_country(text: str) -> bool:
    """Whether `text` is an assigned ISO 3166-1 alpha-2 code."""
    return text in COUNTRIES


def _canonical(text: str) -> bool:
    return text.isascii() and text.isalnum()

"""The country of each exchange: trades settle on the calendar of that country.

Only exchanges of countries that `domain.shared.settlement_dates` knows are listed. A listing on
any other market has to state its country.

Source: ISO 10383, register of 2025-02: active exchanges. Multilateral facilities are left out:
what is traded on them settles at home.
"""

_EXCHANGES = {
    "AT": "XVIE XWBO",
    "BE": "ALXB XBRU",
    "CY": "XCYS",
    "DE": "TGAT XBER XDUS XETA XETB XETR XFRA XGAT XHAM XHAN XMUN XSTU",
    "EE": "XTAL",
    "ES": "XBAR XBIL XMAD XVAL",
    "FI": "XHEL",
    "FR": "ALXP XMLI XPAR",
    "GB": "AIMX XLOM XLON",
    "GR": "XATH",
    "HR": "XZAG",
    "IE": "XDUB XMSM",
    "IT": "ETFP EXGM MOTX MTAA XMIL",
    "LT": "XLIT",
    "LU": "EMTF XLUX",
    "LV": "XRIS",
    "MT": "XMAL",
    "NL": "XAMS",
    "PT": "ALXL XLIS",
    "SI": "XLJU",
    "SK": "XBRA",
    "US": "ARCX BATS BATY EDGA EDGX EPRL IEXG LTSE MEMX XASE XBOS XCHI XCIS XNAS XNCM XNGS XNMS "
    "XNYS XPHL",
}
COUNTRIES = {mic: country for country, mics in _EXCHANGES.items() for mic in mics.split()}
"""MIC -> ISO 3166 code of the country that the exchange is in."""


def country_of(mic: str) -> str:
    """The country of an exchange; "": unknown."""
    return COUNTRIES.get(mic, "")

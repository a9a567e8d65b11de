"""KYC rules that are numbers and tables: review ceilings, grace, the facts an approval needs.

The review ceilings are house policy; the law's are wider. Source: domain rule 23.
"""

from calendar import monthrange
from datetime import date, timedelta

from domain.client.events import Kind, Regime, RiskRating
from domain.client.state import Client, ClientStatus

REVIEW_MONTHS = {RiskRating.HIGH: 12, RiskRating.MEDIUM: 24, RiskRating.LOW: 36}
REVIEW_GRACE = timedelta(days=30)
RETENTION_MONTHS = 60
"""How long the file of a closed client is kept: 31 CFR 1010.430, Directive 2015/849 article 40."""

FACTS = (
    "lei",
    "tax_id",
    "email",
    "first_names",
    "surnames",
    "birth_date",
    "nationality",
    "tax_residence",
    "national_id",
)
"""The optional facts of an onboarding, by field name."""

FACTS_NEEDED: dict[tuple[str, str], tuple[str, ...]] = {
    (Regime.US, Kind.INDIVIDUAL): ("birth_date", "tax_id", "screening"),
    (Regime.US, Kind.ORGANISATION): ("tax_id", "screening"),
    (Regime.EU, Kind.INDIVIDUAL): (
        "first_names",
        "surnames",
        "birth_date",
        "nationality",
        "national_id",
        "tax_residence",
        "screening",
    ),
    (Regime.EU, Kind.ORGANISATION): ("lei", "tax_residence", "screening"),
}
"""Facts needed at approval. US: 31 CFR 1020.220 (customer identification). EU: Delegated
Regulation 2017/590 articles 6 and 7 (who a transaction report names), Directive 2011/16 (tax
residence). The development regime needs no more than an onboarding requires."""


def facts_missing(client: Client, regime: Regime) -> tuple[str, ...]:
    """The facts that `regime` requires for this kind of client and that were not given."""
    given = {*client.facts, *(("screening",) if client.screening_id else ())}
    needed = FACTS_NEEDED.get((regime, client.kind), ())
    return tuple(fact for fact in needed if fact not in given)


def review_ceiling(rating: RiskRating, today: date) -> date:
    """The latest date that the next review may be set to."""
    return months_after(today, REVIEW_MONTHS[rating])


def senior_needed(client: Client, rating: RiskRating) -> bool:
    """Whether only a senior officer may approve: high risk, politically exposed, unjudged hit."""
    escalated = client.standing is ClientStatus.ESCALATED
    return rating is RiskRating.HIGH or client.pep or client.possible_hit or escalated


def months_after(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day (31 January + 1: 28 February)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))

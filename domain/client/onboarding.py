"""Onboarding: the client's particulars. A fault in them is refused."""

from datetime import date

from domain.client.commands import OnboardClient
from domain.client.events import ClientOnboarded
from domain.client.refusals import ClientRefusal
from domain.client.rules import FACTS
from domain.client.state import Client, ClientStatus
from domain.shared.dates import bad_date
from domain.shared.identifiers import is_country, is_id, is_lei
from domain.shared.market_time import house_today
from domain.shared.message import Decision, Refused, Seen, refused


def onboard(command: OnboardClient, state: Client, seen: Seen) -> Decision:
    if state.erased:
        return refused(ClientRefusal.CLIENT_ERASED, status=state.status)
    if state.standing is not ClientStatus.NONE:
        return refused(ClientRefusal.CLIENT_EXISTS, status=state.status)
    born = command.birth_date
    today = house_today(seen.now)
    fault = _fault(command) or bad_date("birth_date", born, today, earliest=date.min)
    if fault is not None:
        return fault
    return (
        ClientOnboarded(
            client_id=command.client_id,
            kind=command.kind,
            legal_name=command.legal_name,
            country=command.country,
            lei=command.lei,
            tax_id=command.tax_id,
            email=command.email,
            first_names=command.first_names,
            surnames=command.surnames,
            birth_date=command.birth_date,
            nationality=command.nationality,
            tax_residence=command.tax_residence,
            national_id=() if command.national_id is None else (command.national_id,),
            facts=tuple(fact for fact in FACTS if getattr(command, fact)),
        ),
    )


def _fault(command: OnboardClient) -> Refused | None:
    """The first fault in the particulars. A personal field is named without its value."""
    if command.lei is not None and not is_lei(command.lei):
        return refused(ClientRefusal.LEI_INVALID, lei=command.lei)
    countries = {
        "country": (command.country,),
        "nationality": command.nationality,
        "tax_residence": tuple(r.country for r in command.tax_residence),
    }
    for field, named in countries.items():
        if not all(map(is_country, named)):
            return refused(ClientRefusal.COUNTRY_INVALID, field=field)
    national_id = command.national_id
    wrong = {
        "client_id": not is_id(command.client_id),
        "legal_name": not command.legal_name.strip(),
        "tax_id": command.tax_id is not None and not command.tax_id.strip(),
        "email": command.email is not None and not _is_email(command.email),
        "national_id": national_id is not None and not (national_id.scheme and national_id.value),
        "tax_residence": any(not r.tin.strip() for r in command.tax_residence),
    }
    faulty = next((name for name, is_wrong in wrong.items() if is_wrong), None)
    return refused(ClientRefusal.IDENTIFIER_INVALID, field=faulty) if faulty else None


def _is_email(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    return bool(local and at and domain) and not any(c.isspace() for c in text)

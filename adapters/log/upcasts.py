"""Upcasts: turn stored payloads of old event versions into present ones, one version at a time.

An upcast maps the raw payload of version n to version n + 1. It never reads the clock or a
table, and is never changed once released: `tests/golden` keeps a sample of every version.

Personal fields are opened before the first upcast, so an upcast sees the clear value, or
`{"erased": "erased"}` if the key was destroyed; it passes an erased value on unchanged. `SEALED`
lists which fields of an old version were personal, and which field named the client, by the names
they had then: the ciphertext is bound to the client and to the field's name.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from domain.shared.digests import plain_digest, reference_form
from domain.shared.persons import normal_form

Payload = dict[str, Any]


class Seals(NamedTuple):
    """The personal fields of one old version, by the names they had then."""

    subject: str
    fields: tuple[str, ...]


# Version 2 of these events sealed texts that version 1 stored in clear. An upcast leaves the text
# in clear: it cannot be sealed afterwards, because the stored bytes never change.


def _with_digest(raw: Payload) -> Payload:
    """Hash a version 1 reference without a key, because an upcast has no key."""
    form, scope = reference_form(raw["reference"]), raw["account_id"]
    return raw | {"reference_hmac": plain_digest(form, scope=scope)}


def _with_submitter(raw: Payload) -> Payload:
    submitter = normal_form(raw["submitted_by"])
    return raw | {"submitted_by_hmac": plain_digest(submitter, scope=raw["client_id"])}


def _with_cause(raw: Payload) -> Payload:
    """Version 1 marked a saga's restriction by the reason `client_standing`."""
    if raw.get("reason") != "client_standing":
        return raw
    return {**raw, "reason": "", "cause": "client_standing"}


def _as_it_was(raw: Payload) -> Payload:
    return raw


def _clear(subject: str = "client_id") -> Seals:
    return Seals(subject, ())


SEALED: dict[tuple[str, int], Seals] = {
    ("account.restricted", 1): _clear(),
    ("adjustment.posted", 1): _clear(),
    ("cash.deposit_returned", 1): _clear(),
    ("cash.deposited", 1): _clear(),
    ("cash.withdrawal_cancelled", 1): _clear(),
    ("cash.withdrawal_rejected", 1): _clear(),
    ("cash.withdrawal_requested", 1): Seals("client_id", ("payee",)),
    ("cash.withdrawal_returned", 1): _clear(),
    ("client.kyc_approved", 1): _clear(),
    ("client.kyc_information_requested", 1): Seals("client_id", ("reason",)),
    ("client.kyc_rejected", 1): Seals("client_id", ("reason",)),
    ("client.kyc_submitted", 1): Seals("client_id", ("documents", "risk_answers")),
    ("client.screened", 1): _clear(),
    ("house.funded", 1): _clear(),
    ("house.swept", 1): _clear(),
    ("instrument.delisted", 1): _clear(),
    ("instrument.halted", 1): _clear(),
    ("instrument.resumed", 1): _clear(),
    ("order.cancel_requested", 1): _clear(),
    ("order.canceled", 1): _clear(),
}
"""By name and version: every old version of an event that has, or had, personal fields."""


def _form_1(payload: Payload) -> Payload:
    """Version 1 had only one form of statement: its leaves are the chain hashes alone."""
    return {**payload, "form": 1}


UPCASTS: dict[tuple[str, int], Callable[[Payload], Payload]] = {
    **dict.fromkeys(SEALED, _as_it_was),
    ("account.restricted", 1): _with_cause,
    ("cash.deposit_returned", 1): _with_digest,
    ("cash.deposited", 1): _with_digest,
    ("cash.withdrawal_requested", 1): _with_digest,
    ("checkpoint.signed", 1): _form_1,
    ("client.kyc_submitted", 1): _with_submitter,
}
"""What maps version n of an event to version n + 1."""

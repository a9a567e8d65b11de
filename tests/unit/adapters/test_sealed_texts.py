"""No free text of a person is stored in clear in an event, and no fold reads such a text.

A new text field of an event is either sealed, or listed here with the reason why it holds no name.
"""

from collections.abc import Iterator
from functools import reduce
from types import NoneType
from typing import Any, get_args

import msgspec
import pytest

from adapters.host.entropy import SeededEntropy
from adapters.log.codec import PERSONAL_FIELDS, Codec
from adapters.log.event_log import RecorderLog
from adapters.log.keys import MemoryKeyStore
from commands.handler import Done
from domain.account.cash import CashDeposited
from domain.catalogue import CATEGORIES, COMMANDS, EVENTS
from domain.shared.envelope import Envelope, state_category
from domain.shared.message import ERASED, Command, Event
from projections.catalogue import VIEWS
from sagas.catalogue import SAGAS
from sagas.engine.runner import commands_of
from tests.golden import log as golden_log
from tests.unit.adapters.platform import WriteSide
from tests.unit.commands.test_handler import account, deposit, onboarding

CODES = {
    **dict.fromkeys(("currency", "base_currency", "buy_currency", "sell_currency"), "checked"),
    **dict.fromkeys(("settlement_currency", "settl_currency", "unit", "hold_unit"), "checked"),
    **dict.fromkeys(("isin", "mic", "lei", "country", "market_country", "branch_country"), "known"),
    **dict.fromkeys(("lot_method", "account_type", "status", "short_sale", "open_close"), "ours"),
    **dict.fromkeys(("settl_type", "handl_inst", "ex_destination"), "ours"),
    **dict.fromkeys(("decision_maker", "investment_decision", "channel"), "an id or refused"),
    "execution_decision": "an id or refused",
    "client_id_code": "a client id",
    "because": "a trade id",
    "replaces": "an obligation's id",
    "cause": "a saga's code",
    "faults": "of a closed list",
    "trigger": "what set off a review: only the timer and a screening may say",
    "facts": "names of fields",
    "document_kinds": "of a closed list, or other",
    "name": "of a control, a deadline, or an instrument: public",
    **dict.fromkeys(("saga", "command", "refusal", "target"), "ours"),
    **dict.fromkeys(("reference_hmac", "submitted_by_hmac", "engaged_by_hmac"), "a digest"),
    **dict.fromkeys(("merkle_root", "previous", "signature"), "digests"),
    **dict.fromkeys(("symbol", "asset_class", "cfi", "place_of_settlement"), "of an instrument"),
    "source": "of prices or rates: a supplier",
    "rates": "by currency",
    **dict.fromkeys(("holder", "begin_string", "sender_comp_id", "target_comp_id"), "of a session"),
    **dict.fromkeys(("msg_type", "digest", "cl_ord_id"), "of a FIX message: not its text"),
}
"""Texts that are codes or public, by field."""

THEIRS = {
    "order.canceled.text": "a venue's",
    "order.cancel_rejected.reason": "a venue's, or a saga's code",
    "order.rejected.text": "a venue's, or a saga's code",
    "order.report_parked.reason": "a venue's",
    "order.restated.reason": "a venue's",
    "order.trade_canceled.reason": "a venue's",
    "trade.busted.reason": "a venue's",
    "order.filled.last_mkt": "a venue's code",
    "order.filled.last_capacity": "a venue's code",
    "order.filled.last_liquidity": "a venue's code",
    "order.filled.contra": "a venue's code",
    "obligation.failing.reason": "a custodian's",
    "obligation.failing.whose": "ours or counterparty",
    "settlement.cancel_denied.reason": "a custodian's",
    "settlement.cancel_requested.reason": "a saga's code",
    "settlement.cancelled.reason": "a custodian's",
    "settlement.failing.reason": "a custodian's, or a saga's code",
    "settlement.failing.whose": "ours or counterparty",
    "settlement.status_advised.reason": "a custodian's",
    "settlement.status_advised.status": "a custodian's code",
    "transfer.undone.reason": "a saga's code",
    "fix.session_closed.reason": "ours",
    "command.refused.state": "figures and codes of a refusal",
}
"""Texts of counterparties, which do not know our clients, and of the platform itself."""


def texts(event: type[Event]) -> Iterator[str]:
    """The fields of an event that may hold any text."""
    for field in msgspec.structs.fields(event):
        if str in _kinds(field.type) and not field.name.endswith(("_id", "_ref_id")):
            yield field.name


def _kinds(hint: Any) -> set[Any]:
    arguments = get_args(hint)
    return set().union(*map(_kinds, arguments)) if arguments else {hint} - {NoneType}


@pytest.mark.parametrize("name", EVENTS)
def test_a_text_of_an_event_is_sealed_or_listed_as_holding_no_name(name: str) -> None:
    open_texts = {f"{name}.{field}" for field in texts(EVENTS[name])}
    open_texts -= {f"{name}.{field}" for field in PERSONAL_FIELDS[name]}
    open_texts -= {f"{name}.{field}" for field in CODES} | THEIRS.keys()
    assert open_texts == set()


@pytest.mark.parametrize(
    "field",
    [
        "cash.deposited.reference",
        "cash.deposit_returned.reference",
        "cash.deposit_returned.reason",
        "cash.withdrawal_requested.reference",
        "cash.withdrawal_requested.payee",
        "cash.withdrawal_cancelled.reason",
        "cash.withdrawal_rejected.reason",
        "cash.withdrawal_returned.reason",
        "account.restricted.reason",
        "adjustment.posted.reason",
        "adjustment.posted.evidence",
        "adjustment.posted.requested_by",
        "adjustment.posted.approved_by",
        "client.kyc_submitted.submitted_by",
        "client.kyc_approved.officer",
        "client.kyc_rejected.officer",
        "client.kyc_information_requested.officer",
        "client.screened.lists",
        "order.cancel_requested.reason",
        "order.canceled.reason",
        "house.funded.reference",
        "house.swept.reference",
        "instrument.halted.reason",
    ],
)
def test_what_people_write_is_sealed(field: str) -> None:
    name, _, last = field.rpartition(".")
    assert last in PERSONAL_FIELDS[name]


def test_a_personal_text_of_a_public_command_is_marked_in_the_command_too() -> None:
    """If an event seals a field, the command's field is marked as personal."""
    sealed = {f for fields in PERSONAL_FIELDS.values() for f in fields} - {"submitted_by"}
    for name, kind in COMMANDS.items():
        if kind.INTERNAL:
            continue
        for field, hint in _hints(kind).items():
            if field in sealed and field != "text":
                assert "personal" in repr(hint), f"{name}.{field}"


def _hints(kind: type[Command]) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(kind)}


@pytest.fixture
async def envelopes() -> list[Envelope]:
    log = await golden_log.loaded(golden_log.read_rows())
    return list(await log.after(0, limit=10_000))


def erased(event: Event) -> Event:
    """The event as decoded without any key."""
    fields = {f: v for f in PERSONAL_FIELDS[_name(event)] if (v := getattr(event, f))}
    return msgspec.structs.replace(event, **dict.fromkeys(fields, ERASED))


def _name(event: Event) -> str:
    return str(event.__struct_config__.tag)


async def test_every_state_is_the_same_without_any_key(envelopes: list[Envelope]) -> None:
    streams: dict[str, list[Event]] = {}
    for envelope in envelopes:
        streams.setdefault(envelope.stream, []).append(envelope.event)
    assert any(erased(e) != e for events in streams.values() for e in events)
    for stream, events in streams.items():
        decider = CATEGORIES[state_category(stream)]
        with_keys = reduce(decider.evolve, events, decider.INITIAL)
        assert reduce(decider.evolve, map(erased, events), decider.INITIAL) == with_keys, stream


async def test_every_saga_is_the_same_without_any_key(envelopes: list[Envelope]) -> None:
    for saga in SAGAS:
        known, blind = dict[str, Any](), dict[str, Any]()
        for envelope in envelopes:
            without = msgspec.structs.replace(envelope, event=erased(envelope.event))
            saga_id = saga.correlate(envelope)
            assert saga.correlate(without) == saga_id
            if not saga_id:
                continue
            states = known.get(saga_id, saga.INITIAL), blind.get(saga_id, saga.INITIAL)
            assert saga.react(states[0], envelope) == saga.react(states[1], without)
            known[saga_id] = saga.evolve(states[0], envelope)
            blind[saga_id] = saga.evolve(states[1], without)
        assert known == blind


def test_what_a_saga_sends_is_known_by_name() -> None:
    """The outbox stores their texts in clear, so each text is one of our codes."""
    for name, kind in commands_of(SAGAS).items():
        open_texts = {f for f in _hints(kind) if f in {"reference", "payee", "evidence", "officer"}}
        assert open_texts == set(), name


async def test_a_decision_is_made_on_sealed_texts() -> None:
    """The state of a stream is loaded without decrypting a text."""

    class Shut(MemoryKeyStore):
        def find(self, client_id: str, /) -> bytes | None:
            raise AssertionError(f"the key of {client_id} was asked for")

    side = WriteSide()
    for command in (*onboarding(), account()):
        assert isinstance(await side.do(command), Done)
    await side.do(deposit("5.00", "Ada Lovelace"))
    shut = Codec(Shut(SeededEntropy(1)), SeededEntropy(1))
    log = RecorderLog(side.recorder, shut, request_key=b"")
    [*_, deposited] = (await log.load(["account-A1"]))["account-A1"].events
    assert isinstance(deposited, CashDeposited) and "Ada" not in str(deposited)
    assert await side.fresh_handler().state("account-A1") == await side.handler.state("account-A1")


async def test_every_view_is_the_same_without_any_key(envelopes: list[Envelope]) -> None:
    """For events as stored today, a text that cannot be decrypted changes no row."""
    for view in VIEWS:
        known, blind = dict[Any, Any](), dict[Any, Any]()
        for envelope in envelopes:
            without = msgspec.structs.replace(envelope, event=erased(envelope.event))
            for rows, arrived in ((known, envelope), (blind, without)):
                for key, fact in view.facts(arrived):
                    rows[key] = view.fold(rows.get(key), key, fact)
        assert known == blind, view.NAME

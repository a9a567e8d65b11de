"""Compares the street's tables with the log: every entry, and how far the bank has read.

    deposits, sweeps, FX legs, interest up to where the bank has read   | each has its entry
    what custodian and bank have reported, as the log has it            |
    an entry that none of it explains: booked, and not reported to us

The street books an entry right before its report reaches the log. So for an entry that the log
does not explain yet, the log is read again for a while.
"""

import asyncio
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from adapters.log.recorder import PAGE
from adapters.simulators.statement import Entry, Kept
from domain.account.withdrawals import WithdrawalCompleted, WithdrawalReturned
from domain.saga import CommandRefused
from domain.settlement.events import SettlementConfirmed, SettlementInstructed
from domain.shared.envelope import Envelope
from domain.shared.money import plain
from projections.ports import Log
from streams.gateways.sessions import kind_of
from streams.gateways.street import booked, paid, settled
from streams.proof.replaying import SHOWN_MAX, Conversation

NAME = "street"
TRIES, PAUSE_S = 5, 1.0


class _Fold:
    """What the street must have booked according to the log."""

    def __init__(self, log: Log, *, read: int, end: int) -> None:
        self._log, self._read, self._end = log, read, end
        self._instructed: dict[str, SettlementInstructed] = {}
        self.expected: dict[str, Entry] = {}
        self.due: set[str] = set()  # ids that must have been booked when the tables were read
        self._at = 0

    async def to(self, end: int) -> None:
        while page := await self._log.after(self._at, limit=PAGE, until=end):
            for arrived in page:
                self._take(arrived)
            self._at = page[-1].position
            await asyncio.sleep(0)

    def _take(self, arrived: Envelope) -> None:
        if isinstance(arrived.event, SettlementInstructed):
            self._instructed[arrived.event.obligation_id] = arrived.event
        seen = [*booked(arrived)] if arrived.position <= self._read else []
        reported = [*self._reported(arrived)]
        for entry in (*seen, *reported):
            self.expected.setdefault(entry.id, entry)  # a repeated report is booked once
        self.due |= {e.id for e in (*seen, *(reported if arrived.position <= self._end else ()))}

    def _reported(self, arrived: Envelope) -> Iterator[Entry]:
        """The entries for a report that a gateway has recorded; none for one made by hand."""
        session, _, reference = arrived.meta.message_id.partition("|")
        sender = kind_of(session)
        match arrived.event:
            case SettlementConfirmed() as e if sender == "custodian":
                instruction = self._instructed.get(e.obligation_id)
                if instruction is not None:
                    yield from settled(instruction, e.confirmation_id, e.qty, e.amount)
            case WithdrawalCompleted() as e if sender == "bank":
                yield paid(reference, e.currency, -e.amount)
            case WithdrawalReturned() as e if sender == "bank":
                yield paid(reference, e.currency, e.amount)
            case CommandRefused(saga=saga, state=facts) if kind_of(saga) in ("custodian", "bank"):
                yield from self._parked(facts)

    def _parked(self, facts: dict[str, str]) -> Iterator[Entry]:
        """The same for a refused report, whose fields the log keeps as texts."""
        try:
            amount = Decimal(facts.get("amount", "0"))
            instruction = self._instructed.get(facts.get("tx_id", ""))
            if "confirmation_id" in facts and instruction is not None:
                qty = Decimal(facts["qty"])
                yield from settled(instruction, facts["confirmation_id"], qty, amount)
            elif "entry_ref" in facts:
                sign = 1 if facts.get("credit") == "True" else -1
                yield paid(facts["entry_ref"], facts.get("currency", ""), sign * amount)
        except (InvalidOperation, KeyError):
            return  # not figures that a gateway wrote


async def replay_street(log: Log, kept: Kept, end: int) -> Conversation:
    """Compare what the street's tables hold with the log.

    Args:
        end: the log's last position before the tables were read: all that was reported up to it
            is in them.
    """
    wrong, last = [], await log.last()
    if len(kept.positions) > 1:
        wrong.append(f"street.read holds {len(kept.positions)} rows, and must hold 1")
    read = next((at or 0 for one, at in kept.positions if one), 0)
    if not 0 <= read <= last:
        wrong.append(f"the bank has read the log up to {read}, and it ends at {last}")
    fold = _Fold(log, read=read, end=end)
    await fold.to(last)
    unknown = await _unknown(fold, log, kept)
    for entry_id, entry in sorted(fold.expected.items()):
        found = kept.entries.get(entry_id)
        if found is None and entry_id in fold.due:
            wrong.append(f"{entry_id} is missing")
        elif found is not None and found != entry:
            wrong.append(f"{entry_id} differs from the log: {_text(found)}, not {_text(entry)}")
    wrong += [f"{entry_id} was booked, and the log holds no report of it" for entry_id in unknown]
    return Conversation(
        name=NAME, position=read, rows=len(kept.entries), differences=tuple(wrong[:SHOWN_MAX])
    )


async def _unknown(fold: _Fold, log: Log, kept: Kept) -> list[str]:
    """Entries that nothing in the log explains, even after `TRIES` pauses of `PAUSE_S`."""
    for _ in range(TRIES):
        if not kept.entries.keys() - fold.expected.keys():
            break
        await asyncio.sleep(PAUSE_S)
        await fold.to(await log.last())
    return sorted(kept.entries.keys() - fold.expected.keys())


def _text(entry: Entry) -> str:
    return f"{entry.kind} {entry.unit} {plain(entry.amount)}"

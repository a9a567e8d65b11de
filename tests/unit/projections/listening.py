"""A view that keeps every word in the order of arrival, so that any error is visible."""

from collections.abc import Iterable
from typing import ClassVar

from domain.shared.envelope import Envelope
from domain.shared.message import Event
from projections.ports import NOWHERE, Audience, Key, Row
from tests.unit.projections.view_log import ListLog, log_of


class Said(Event, tag="test.said"):
    account_id: str
    word: str


class Heard(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("account_id",)

    account_id: str
    words: str  # in order of arrival: a commutative sum could hide an error


class Listening:
    """Keeps the words of each account; 'hush' deletes its row; `deaf` raises on a word."""

    VERSION = 1
    AUDIENCE, HOME = Audience.OWN, NOWHERE
    ROW: type[Row] = Heard
    READS: frozenset[type[Event]] = frozenset({Said})

    def __init__(self, name: str = "listening", *, deaf: str = "", late: str = "") -> None:
        self.NAME, self._deaf, self._late = name, deaf, late

    def facts(self, arrived: Envelope) -> Iterable[tuple[Key, str]]:
        event = arrived.event
        assert isinstance(event, Said)
        if event.word == self._deaf:
            raise ValueError(f"cannot hear {event.word}")
        # Two facts an event: the second may fail after the first has been folded.
        return [((event.account_id,), event.word), ((event.account_id,), f"{event.word}!")]

    def fold(self, row: Heard | None, key: Key, fact: str) -> Heard | None:
        if self._late and fact == f"{self._late}!":
            raise ValueError(f"cannot fold {fact}")
        if fact == "hush!":
            return None
        (account_id,) = key
        return Heard(account_id=account_id, words=f"{row.words if row else ''} {fact}")


def said(*words: str) -> ListLog:
    """Each word is 'account:word'."""
    parts = [w.split(":") for w in words]
    return log_of([(f"account-{a}", Said(account_id=a, word=w)) for a, w in parts])

"""Checks the clients' key rows against the log: each row belongs to sealed data or to an erasure.

    sealed event   -> its client has a row: a key, or the mark of an erasure
    client.erased  -> its client's row holds that mark, and no key
    a row          -> was written under the master key, and belongs to one client

Two findings are reported but are not faults, because only a holder of the master key causes them.
A command that was cut off before its append leaves a key that opens nothing (`unused`). An erasure
that was cut off leaves a mark without its event (`unrecorded`).
"""

from collections.abc import Mapping
from typing import Any

from adapters.log.codec import SEALED_MARK, sealed_for
from adapters.log.frame import unframe
from adapters.log.keys import KeyState
from adapters.log.recorder import Stored
from domain.shared.envelope import Metadata

ERASED = "client.erased"
_OFF = {
    KeyState.CHANGED: "its row in keys.data_keys was changed, or was erased by an older build",
    KeyState.COPIED: "its row in keys.data_keys holds a key that another client's row holds too",
}


class KeyAudit:
    """Runs beside one pass over the log: `add` every event, then `finish`.

    Args:
        key_states: of every row; None if this process may not read the keys.
    """

    def __init__(self, key_states: Mapping[str, KeyState] | None) -> None:
        self._rows = key_states
        self._used: set[str] = set()  # clients whose row has been checked
        self._erased: set[str] = set()

    def add(self, stored: Stored, meta: Metadata) -> list[str]:
        """The faults of the key row that this event needs; a client's row is checked once."""
        if self._rows is None:
            return []
        found = []
        if meta.name == ERASED:
            found += self._erasure(meta.stream.partition("-")[2])
        if SEALED_MARK in stored.state:
            client_id = sealed_for(meta.name, meta.schema, unframe(stored.state)[1])
            if client_id is not None and client_id not in self._used:
                self._used.add(client_id)
                found += self._sealed(client_id)
        return found

    def finish(self) -> list[tuple[str, str]]:
        """The faults of rows that no sealed event needed: (stream, fault)."""
        out: list[tuple[str, str]] = []
        for client_id, state in (self._rows or {}).items():
            if client_id not in self._used and state in _OFF:
                out.append((f"client-{client_id}", _OFF[state]))
        return out

    @property
    def unused(self) -> list[str]:
        """Clients with an intact key that seals nothing in the log."""
        rows: Mapping[str, Any] = self._rows or {}
        return sorted(c for c, s in rows.items() if s is KeyState.HELD and c not in self._used)

    @property
    def unrecorded(self) -> list[str]:
        """Clients whose key was erased without an event in the log: erase them again."""
        rows: Mapping[str, Any] = self._rows or {}
        erased = (c for c, s in rows.items() if s is KeyState.ERASED)
        return sorted(c for c in erased if c not in self._erased)

    def _erasure(self, client_id: str) -> list[str]:
        self._erased.add(client_id)
        match self._rows and self._rows.get(client_id):
            case KeyState.HELD | KeyState.COPIED:
                return ["the client is erased, and there is a key in keys.data_keys again"]
            case _:
                return []

    def _sealed(self, client_id: str) -> list[str]:
        state = (self._rows or {}).get(client_id)
        wrong = "there is no row in keys.data_keys, and an erasure leaves one"
        if state is not None:
            wrong = _OFF.get(state, "")
        return [f"the data key of {client_id} is gone: {wrong}"] if wrong else []

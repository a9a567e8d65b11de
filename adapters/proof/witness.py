"""Witnesses: a checkpoint's statement kept outside the log, which the log must still contain later.

    log verify --json  ->  {"witness": {...}}  ->  kept elsewhere  ->  log verify --witness FILE

Each statement names the signature of the one before it, so one line proves all of the log up to
`last_position`. `tip` adds the log's last event, which no checkpoint covers yet. The signer also
keeps such a line beside its key: an attacker who can write only to the database cannot change it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from adapters.host.key_files import write_whole
from adapters.settings_error import SettingsError
from domain.checkpoint import CheckpointSigned


class Placed(NamedTuple):
    """A checkpoint and its place in the log."""

    version: int
    position: int
    signed: CheckpointSigned


class Tip(msgspec.Struct, frozen=True, kw_only=True):
    """The log's last event when the witness was written."""

    position: int
    hash: str  # the event's chain hash, hex


class Witness(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line: the last checkpoint, and the log's end."""

    version: int  # of the checkpoint in its stream
    first_position: int
    last_position: int
    events: int
    merkle_root: str
    previous: str
    key_id: str
    signature: str
    form: int = 1
    tip: Tip | None = None

    @classmethod
    def of(cls, placed: Placed, tip: Tip | None = None) -> Self:
        fields = {f: getattr(placed.signed, f) for f in placed.signed.__struct_fields__}
        return cls(version=placed.version, tip=tip, **fields)

    def signed(self) -> CheckpointSigned:
        """The statement as the event that the log must contain."""
        names = CheckpointSigned.__struct_fields__
        return CheckpointSigned(**{f: getattr(self, f) for f in names})

    def line(self) -> str:
        return msgspec.json.encode(self).decode()


class NotAWitness(Exception):
    """The text is not a witness; the message is one line."""


class _Holder(msgspec.Struct):
    """An answer of `log verify --json`, or a backup.json: the witness is one of its fields."""

    witness: Witness | None


def read_witnesses(text: str, source: str) -> list[Witness]:
    """All witnesses in a text: one JSON document, or one per line; each alone or in an answer.

    Raises:
        NotAWitness: a line is neither, or the text has no witness.
    """
    try:
        found = [_decoded(text)]
    except (msgspec.MsgspecError, UnicodeError):
        found = []
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                found.append(_line(line, f"{source}, line {number}"))
    kept = [one for one in found if one is not None]
    if not kept:
        raise NotAWitness(f"{source}: it contains no witness")
    return kept


def _line(line: str, where: str) -> Witness | None:
    try:
        return _decoded(line)
    except (msgspec.MsgspecError, UnicodeError) as e:
        raise NotAWitness(f"{where}: not a witness of log verify --json: {e}") from e


def _decoded(text: str) -> Witness | None:
    """A witness, or the witness in an answer; None if the answer has none."""
    raw = msgspec.json.decode(text)
    if isinstance(raw, Mapping) and "witness" in raw:
        return msgspec.convert(raw, _Holder).witness
    return msgspec.convert(raw, Witness)


class Memory:
    """The signer's last statement, for as long as this object lives."""

    def __init__(self) -> None:
        self._last: Witness | None = None

    def last(self) -> Witness | None:
        return self._last

    def keep(self, witness: Witness) -> None:
        self._last = witness


class FileMemory(Memory):
    """The signer's last statement in a file, written atomically."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def last(self) -> Witness | None:
        """The statement in the file; None if there is no file.

        Raises:
            SettingsError: the file holds no statement.
        """
        try:
            found = read_witnesses(self._file.read_text(), str(self._file))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeError) as e:
            raise SettingsError(f"TIDEMARK_DATA_DIR: {self._file}: {e}") from e
        except NotAWitness as e:
            raise SettingsError(f"TIDEMARK_DATA_DIR: {e}") from e
        return found[-1]

    def keep(self, witness: Witness) -> None:
        try:
            write_whole(self._file, f"{witness.line()}\n".encode())
        except OSError as e:
            raise SettingsError(f"TIDEMARK_DATA_DIR: {self._file}: {e.strerror}") from e


def missing(witnesses: Sequence[Witness], placed: Sequence[Placed]) -> list[Witness]:
    """The witnesses whose statement is not in the log at its version."""
    by_version = {p.version: p.signed for p in placed}
    return [w for w in witnesses if by_version.get(w.version) != w.signed()]

"""The engine's own store of sequence numbers and messages, written anew from the log.

QuickFIX keeps four files per session. We write them before each logon, so what the engine believes
is what the log says, whatever happened to the files. Messages that the store lacks are filled with
a SequenceReset when they are asked for.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

_CREATED = "%Y%m%d-%H:%M:%S"


def prefix(begin_string: str, sender_comp_id: str, target_comp_id: str) -> str:
    return f"{begin_string}-{sender_comp_id}-{target_comp_id}"


def write(folder: Path, name: str, numbers: tuple[int, int], messages: Mapping[int, bytes]) -> None:
    """Write the files of one session; `messages` are those that may be sent again, by number."""
    folder.mkdir(parents=True, exist_ok=True)
    header, body, at = [], [], 0
    for number, raw in sorted(messages.items()):
        header.append(f"{number},{at},{len(raw)} ")
        body.append(raw)
        at += len(raw)
    next_out, next_in = numbers
    (folder / f"{name}.body").write_bytes(b"".join(body))
    (folder / f"{name}.header").write_text("".join(header))
    (folder / f"{name}.seqnums").write_text(f"{next_out:010d} : {next_in:010d}")
    (folder / f"{name}.session").write_text(datetime.now(UTC).strftime(_CREATED))

"""Exports the log into a store of the `eventsourcing` library, event by event.

    log --pages--> store: originator_id = stream, originator_version = version, topic = event name,
                          state = the stored bytes, JSON of metadata and payload

Personal texts stay encrypted. The store numbers its notifications in the order of our positions,
so a service that knows the library alone can follow the store. Nothing is ever imported from one.

An export goes on where the last one ended: it finds the store's last event in the log.
"""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psycopg.conninfo
from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    PersistenceError,
    StoredEvent,
)

from adapters.log.recorder import PAGE, Recorder, Stored
from commands.expected import Expected

KINDS = "eventsourcing:sqlite:FILE or eventsourcing:postgresql://..."
MEMORY = (":memory:", "mode=memory")  # by these words the library keeps a store in memory

_SECRETS = re.compile(r"//[^:@/]*:(.+)@|[?&](?:ssl)?password=([^&]+)")


class ExportFailed(Expected):
    """The store cannot be used; the text is one line for its operator."""


class Exported(NamedTuple):
    events: int  # by this export
    position: int  # of the last event that the store holds, in our log


class Store(NamedTuple):
    recorder: ApplicationRecorder
    close: Callable[[], None]


def open_store(url: str) -> Store:
    """A store, its table made where there is none; close it.

    Raises:
        ExportFailed: not such a URL, or the store cannot be reached.
    """
    kind, _, rest = url.removeprefix("eventsourcing:").partition(":")
    if not url.startswith("eventsourcing:") or not rest:
        raise _failed(url, f"it must be {KINDS}")
    try:
        match kind:
            case "sqlite":
                return _sqlite(rest)
            case "postgresql":
                return _postgres(f"postgresql:{rest}")
    except (PersistenceError, OSError, psycopg.Error, sqlite3.Error, ValueError) as e:
        raise _failed(url, _line(e)) from e
    raise _failed(url, f"it must be {KINDS}")


async def export(log: Recorder, store: ApplicationRecorder) -> AsyncIterator[Exported]:
    """Bring the store to the log's end, a page at a time; the figures so far after each page.

    Raises:
        ExportFailed: the store holds another log, another export writes to it, or it is away.
    """
    position, events = await _reached(log, store), 0
    yield Exported(events, position)
    while page := await log.after(position, limit=PAGE):
        await _store(store, page)
        events, position = events + len(page), page[-1].position
        yield Exported(events, position)


async def _reached(log: Recorder, store: ApplicationRecorder) -> int:
    """The position of the store's last event; 0 where it is empty."""
    last = await _ask(_last, store)
    if last is None:
        return 0
    stream, version = str(last.originator_id), last.originator_version
    found = await log.select(stream, after_version=version - 1, limit=1)
    if not found or found[0].version != version or found[0].state != last.state:
        raise ExportFailed(
            f"--to: the store holds another log: its last event, {stream}@{version}, "
            "is not in this log"
        )
    return found[0].position


async def _store(store: ApplicationRecorder, page: Sequence[Stored]) -> None:
    events = [
        StoredEvent(
            originator_id=found.stream,
            originator_version=found.version,
            topic=found.name,
            state=found.state,
        )
        for found in page
    ]
    try:
        await _ask(store.insert_events, events)
    except IntegrityError as e:
        first = f"{page[0].stream}@{page[0].version}"
        raise ExportFailed(
            f"--to: the store has some of the events from {first} on already: "
            "another export writes to it"
        ) from e


def _last(store: ApplicationRecorder) -> Notification | None:
    end = store.max_notification_id()
    found = store.select_notifications(start=end, limit=1) if end else ()
    return found[0] if found else None


async def _ask(call: Any, *words: Any) -> Any:
    """The answer of the store, which blocks."""
    try:
        return await asyncio.to_thread(call, *words)
    except IntegrityError:
        raise
    except (PersistenceError, sqlite3.Error) as e:
        raise ExportFailed(f"--to: {_line(e)}") from e


def _sqlite(path: str) -> Store:
    from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore  # noqa: PLC0415

    if any(word in path for word in MEMORY):
        raise ValueError("a store in memory ends with this verb; name a file")
    if not (folder := Path(path).resolve().parent).is_dir():
        raise ValueError(f"there is no directory {folder}")
    datastore = SQLiteDatastore(path, originator_id_type="text")
    recorder = SQLiteApplicationRecorder(datastore)
    recorder.create_table()
    return Store(recorder, datastore.close)


def _postgres(url: str) -> Store:
    from eventsourcing.postgres import (  # noqa: PLC0415
        PostgresApplicationRecorder,
        PostgresDatastore,
    )

    named = psycopg.conninfo.conninfo_to_dict(url)
    datastore = PostgresDatastore(
        str(named.get("dbname", "")),
        str(named.get("host", "")),
        str(named.get("port", 5432)),
        str(named.get("user", "")),
        str(named.get("password", "")),
        originator_id_type="text",
        pool_open_timeout=10,
        enable_db_functions=True,  # the pipelined insert of a page now and then never returned
    )
    assert isinstance(datastore.pool.kwargs, dict)
    datastore.pool.kwargs |= named  # the library takes no others: sslmode, sslrootcert, options
    recorder = PostgresApplicationRecorder(datastore, events_table_name="stored_events")
    recorder.create_table()
    return Store(recorder, datastore.close)


def _failed(url: str, why: str) -> ExportFailed:
    """The URL and what is wrong with it, without the passwords in it."""
    text = f"--to {url}: {why}"
    for secret in filter(None, (word for found in _SECRETS.findall(url) for word in found)):
        text = text.replace(secret, "***")
    return ExportFailed(text)


def _line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__

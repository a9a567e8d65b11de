"""Check that the database beside the log was filled from this log, and from no other.

The id of its first event identifies a log. Snapshots and marks of another log would give wrong
answers, and nothing in them would show it.
"""

from esdbclient.client import DEFAULT_EXCLUDE_FILTER

from adapters.eventstoredb.link import Link
from adapters.log.evidence import SnapshotRow
from adapters.log.recorder import Recorder, Unavailable

NAME = "log identity"  # stored as a snapshot's stream and domain hash


async def identify(link: Link, beside: Recorder) -> bool:
    """Store which log this is, or check it against the stored id; False while none is stored.

    An empty log has no identity yet. A process whose role may not store it (a relay) leaves that
    to the processes that append.

    Raises:
        Unavailable: the stored id is that of another log.
    """
    first = await link.events(limit=1, filter_exclude=DEFAULT_EXCLUDE_FILTER)
    read = (await beside.read([NAME], domain_hash=NAME)).get(NAME)
    kept = read.snapshot if read else None
    if kept is not None and (not first or kept.state != first[0].id.bytes):
        raise Unavailable(
            "TIDEMARK_DATABASE was filled from another event log: name an empty database, or the "
            "log that belongs to it"
        )
    if kept is None and first:
        try:
            await beside.save_snapshots([SnapshotRow(NAME, 1, b"", NAME, first[0].id.bytes)])
        except Unavailable:
            return False
    return bool(first)

"""Whether the database beside the log holds what was drawn from this log, and from no other.

A log is known by the id of its first event. Snapshots and marks of another log would be wrong
answers, and nothing in them would show it.
"""

from esdbclient.client import DEFAULT_EXCLUDE_FILTER

from adapters.eventstoredb.link import Link
from adapters.log.recorder import Recorder, SnapshotRow, Unavailable

NAME = "log identity"  # in the place of a snapshot's stream and domain hash


async def identify(link: Link, beside: Recorder) -> bool:
    """Write down which log this is, or find it written; False while it is not.

    An empty log has no identity yet. Who may not write it down (a relay's role) leaves that to
    those who append.

    Raises:
        Unavailable: it is another log than the one that was written down.
    """
    first = await link.events(limit=1, filter_exclude=DEFAULT_EXCLUDE_FILTER)
    read = (await beside.read([NAME], domain_hash=NAME)).get(NAME)
    kept = read.snapshot if read else None
    if kept is not None and (not first or kept.state != first[0].id.bytes):
        raise Unavailable(
            "the event log is not the one that TIDEMARK_DATABASE was filled from: give it an"
            " empty database, or the log that belongs to it"
        )
    if kept is None and first:
        try:
            await beside.save_snapshots([SnapshotRow(NAME, 1, b"", NAME, first[0].id.bytes)])
        except Unavailable:
            return False
    return bool(first)

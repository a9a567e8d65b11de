"""A process that appends until it is stopped, and prints what was acknowledged.

    python -m tests.contract.log.recorder_writer URL NAME EVENTS [shared stream]

Each line is 'stream version position'. Eight callers share a group commit; with a shared stream
they also race for its next version, with other processes too.
"""

import asyncio
import sys
from hashlib import sha256

from adapters.dispatch.group_commit import GroupCommit
from adapters.log.recorder import Result, Sealed, Write, Written, WrongVersion
from adapters.postgres.log.recorder import PostgresRecorder
from tests.contract.log.commit import over

CALLERS = 8

Commit = GroupCommit[Write, Result]


async def main(url: str, name: str, events: int, shared: str) -> None:
    recorder = await PostgresRecorder.connect(url)
    commit = over(recorder)
    await asyncio.gather(*[_caller(commit, f"{name}-{n}", events) for n in range(CALLERS)])
    if shared:
        await _racer(recorder, commit, shared, name)
    await commit.close()
    await recorder.close()


async def _caller(commit: Commit, stream: str, events: int) -> None:
    for version in range(events):
        result = await commit.submit(_write(stream, version))
        if not isinstance(result, Written):
            raise AssertionError(f"{stream}@{version}: {result}")
        print(stream, version + 1, result.position, flush=True)


async def _racer(recorder: PostgresRecorder, commit: Commit, stream: str, name: str) -> None:
    won = 0
    while won < 20:
        version = (await recorder.heads([stream])).get(stream, (0, b""))[0]
        result = await commit.submit(_write(stream, version, name))
        if isinstance(result, Written):
            won += 1
            print(stream, version + 1, result.position, flush=True)
        elif not isinstance(result, WrongVersion):
            raise AssertionError(result)


def _write(stream: str, version: int, by: str = "") -> Write:
    label = f"{stream}@{version}{by}"
    event = Sealed("thing.done", label.encode() * 10, sha256(label.encode()).digest())
    return Write(
        stream=stream, expected=version, events=[event], message_id=label, request_hash=b"r"
    )


if __name__ == "__main__":
    url, name, events, *shared = sys.argv[1:]
    asyncio.run(main(url, name, int(events), *shared or [""]))

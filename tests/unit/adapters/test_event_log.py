"""The event log over a recorder: a sole writer remembers the log's end until it proves wrong."""

from datetime import UTC, datetime

from adapters.host.entropy import SeededEntropy
from adapters.log.codec import Codec
from adapters.log.event_log import RecorderLog
from adapters.log.frame import frame
from adapters.log.keys import MemoryKeyStore
from adapters.log.recorder import Sealed, Write
from adapters.memory.recorder import MemoryRecorder

NOW = datetime(2024, 3, 4, 12, tzinfo=UTC)


async def test_a_sole_writer_that_is_not_alone_finds_out_when_the_log_grows() -> None:
    """A write of the previous process arrives late; unnoticed, it would cause endless polling."""
    recorder, entropy = MemoryRecorder(), SeededEntropy(1)
    codec = Codec(MemoryKeyStore(entropy), entropy)
    log = RecorderLog(recorder, codec, request_key=b"", sole_writer=True)
    assert await log.stored(0, limit=9) == ()
    state, payload_at = frame(b'{"schema":1}', b"{}")
    late = Write(
        stream="a-1",
        expected=0,
        events=[Sealed("thing.done", state, b"h" * 32, 1, payload_at)],
        message_id="m",
        request_hash=b"r",
    )
    await recorder.append([late], clock=NOW)
    assert await log.wait(0, timeout_s=1)
    assert [stored.stream for stored in await log.stored(0, limit=9)] == ["a-1"]

"""Where one request ends and the next begins: codings of bodies, and pipelined requests."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.contract.http.test_http_bounds import GOOD, HEAD, SHORT, Served, assert_problem, serving

BODY = b"5\r\nhello\r\n0\r\n\r\n"
AHEAD = SHORT.pipelined + 1  # one is in work while the others wait
SOCKET = (
    b"GET /talk HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SLOW = GOOD.replace(b"/alive", b"/slow")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(SHORT) as served:
        yield served


def answers(served: Served, sent: bytes) -> list[tuple[int, dict[str, Any]]]:
    """(status, problem) of every answer until the server hangs up."""
    raw = b""
    with served.socket() as wire:
        with suppress(BrokenPipeError, ConnectionResetError):
            wire.sendall(sent)
        with suppress(ConnectionResetError, TimeoutError):
            while chunk := wire.recv(65536):
                raw += chunk
    found = []
    for one in re.split(rb"HTTP/1\.1 (?=\d{3} )", raw)[1:]:
        problem = re.search(rb"\{\"type\".*\}", one)
        found.append((int(one[:3]), json.loads(problem.group()) if problem else {}))
    return found


@pytest.mark.parametrize(
    "coding",
    [
        b"gzip, chunked", b"gzip", b"identity", b"identity, chunked", b"deflate,chunked",
        b"chunked;a=b", b"xchunked",
        b"gzip\r\nTransfer-Encoding: chunked", b"Gzip, Chunked", b"compress",
    ],
)  # fmt: skip
def test_a_body_in_any_other_coding_than_chunked_is_501(served: Served, coding: bytes) -> None:
    sent = HEAD + b"Transfer-Encoding: " + coding + b"\r\n\r\n" + BODY
    refused = answers(served, sent + GOOD)
    assert [status for status, _ in refused] == [501], "and nothing after it is read"
    assert refused[0][1]["type"] == "transfer_encoding_unsupported"
    assert "Transfer-Encoding" in refused[0][1]["detail"]


@pytest.mark.parametrize("coding", [b"chunked", b"CHUNKED", b" Chunked "])
def test_pieces_are_taken_however_their_name_is_spelled(served: Served, coding: bytes) -> None:
    sent = HEAD + b"transfer-ENCODING: " + coding + b"\r\n\r\n" + BODY
    assert [status for status, _ in answers(served, sent + GOOD)] == [200, 200]


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: gzip, chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: chunked,\r\n",
        b"Transfer-Encoding:\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
    ],
)
def test_a_body_of_two_lengths_is_400(served: Served, headers: bytes) -> None:
    refused = answers(served, HEAD + headers + b"\r\n" + BODY + GOOD)
    assert [status for status, _ in refused] == [400], "and nothing after it is read"


def test_http_1_0_has_no_transfer_encoding(served: Served) -> None:
    head = HEAD.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n"
    assert_problem(served.answer_to(head + BODY), 400, "invalid_request")


@pytest.mark.parametrize("count", [2, AHEAD])
def test_requests_sent_ahead_are_answered_in_their_order(served: Served, count: int) -> None:
    sent = b"".join(
        HEAD + b"Content-Length: %d\r\n\r\n" % i + b"a" * i for i in range(1, count + 1)
    )
    with served.socket() as wire:
        wire.sendall(sent)
        raw = b""
        while raw.count(b"200 OK") < count or not raw.endswith(b"%d" % count):
            raw += wire.recv(65536)
        assert re.findall(rb"\r\n\r\n(\d+)", raw) == [b"%d" % i for i in range(1, count + 1)]
        wire.sendall(GOOD)
        assert b"200 OK" in wire.recv(65536), "the connection goes on"


@pytest.mark.parametrize("count", [AHEAD + 1, AHEAD + 4, 5_000])
def test_who_sends_too_many_ahead_gets_what_was_taken_and_then_a_429(
    served: Served, count: int
) -> None:
    found = answers(served, GOOD * count)
    assert [status for status, _ in found] == [200] * AHEAD + [429]
    assert found[-1][1]["type"] == "pipelined"
    assert "8" in found[-1][1]["detail"]
    assert served.quick() < 1.0


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET http:// HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (HEAD + b"X: " + b"a" * (70 << 10) + b"\r\n\r\n", 431),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", 400),
        (SOCKET, 400),
        (b"GET /alive", 408),
        (HEAD + b"Content-Length: 100\r\n\r\nabc", 408),
    ],
    ids=[
        "no request", "no target", "a coding", "a long head", "no pieces", "a socket",
        "half a head", "half a body",
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", [GOOD * 3, SLOW + GOOD * 2], ids=["quick", "slow"])
def test_a_request_at_fault_costs_none_before_it_its_answer(
    served: Served, before: bytes, last: bytes, status: int
) -> None:
    found = answers(served, before + last)
    assert [status for status, _ in found] == [200, 200, 200, status]
    assert found[-1][1]["status"] == status


def test_a_request_for_another_protocol_is_not_lost(served: Served) -> None:
    upgrade = GOOD[:-2] + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    found = answers(served, upgrade + GOOD + upgrade + GOOD)
    assert [status for status, _ in found] == [200] * 4
    found = answers(served, upgrade * 2_000)
    assert [status for status, _ in found] == [200] * AHEAD + [429]


@pytest.mark.parametrize("protocol", [b"h2c", b"nonsense", b"websocket, h2c"])
@pytest.mark.parametrize("chunked", [False, True])
def test_the_body_of_a_request_for_another_protocol_is_no_request(
    served: Served, protocol: bytes, chunked: bool
) -> None:
    """A gateway reads the body as a body; so must we, or it smuggles a request (RFC 9112, 11.2)."""
    framing, body = b"Content-Length: %d\r\n\r\n" % len(GOOD), GOOD
    if chunked:
        framing = b"Transfer-Encoding: chunked\r\n\r\n"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD)
    sent = HEAD + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n" + framing + body
    assert [status for status, _ in answers(served, sent)] == [200]
    assert [status for status, _ in answers(served, sent * 2 + GOOD + sent)] == [200] * 4
    slowly = [sent[:-30], sent[-30:] + GOOD]
    with served.socket() as wire:
        for part in slowly:
            wire.sendall(part)
            time.sleep(0.05)
        raw = b""
        while raw.count(b"HTTP/1.1 200") < 2:
            raw += wire.recv(65536)


def test_what_comes_after_a_last_request_is_not_answered(served: Served) -> None:
    last = GOOD[:-2] + b"Connection: close\r\n\r\n"
    assert [status for status, _ in answers(served, GOOD + last + GOOD * 20)] == [200, 200]

"""An answer in pieces: the event loop waits for the first, short polls for the next ones."""

import socket
from collections.abc import Generator, Iterator
from itertools import count

import pytest
from psycopg.waiting import READY_R, WAIT_R, WAIT_W

from adapters.postgres.link import stream as module
from adapters.postgres.link.stream import _at_once


@pytest.fixture
def wire() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def answer(pieces: int) -> Generator[int, int, str]:
    """A generator like psycopg's: it waits to write, then to read each piece."""
    assert (yield WAIT_W)
    for _ in range(pieces):
        assert (yield WAIT_R) == READY_R
    return "all of it"


def turns(asked: Generator[int, int, str]) -> tuple[list[int], str]:
    """The waits that the event loop was given, and the result."""
    waits = [next(asked)]
    while True:
        try:
            waits.append(asked.send(READY_R))
        except StopIteration as e:
            return waits, e.value


def test_what_is_there_already_needs_no_turn_of_the_loop(
    wire: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE_S", 60.0)
    ours, theirs = wire
    theirs.send(b"x")
    assert turns(_at_once(answer(50), ours.fileno())) == ([WAIT_W, WAIT_R], "all of it")


def test_what_is_not_there_is_waited_for_by_the_loop(
    wire: tuple[socket.socket, socket.socket],
) -> None:
    ours, _ = wire
    assert turns(_at_once(answer(3), ours.fileno())) == ([WAIT_W] + 3 * [WAIT_R], "all of it")


def test_a_long_answer_gives_everybody_else_a_turn(
    wire: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = wire
    theirs.send(b"x")
    clock = count()
    monkeypatch.setattr(module, "perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr(module, "AT_ONCE_S", 5.0)  # as polls: the clock counts them
    waits, _ = turns(_at_once(answer(50), ours.fileno()))
    assert 50 / 10 < len(waits) < 50 / 2


def test_an_error_of_the_answer_is_raised_where_it_was_awaited() -> None:
    def broken() -> Generator[int, int, str]:
        yield WAIT_R
        raise ConnectionError("gone")

    asked = _at_once(broken(), 0)
    next(asked)
    with pytest.raises(ConnectionError, match="gone"):
        asked.send(READY_R)

"""Connections that are kept: opened when needed and again when lost, one user at a time."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg_pool import PoolTimeout

from adapters.log.recorder import Unavailable
from adapters.postgres.link import connections
from adapters.postgres.link.blocking import BlockingConnection
from adapters.postgres.link.connections import CONNECT_S, arguments, connect, pool
from adapters.postgres.link.kept import KeptConnection
from adapters.postgres.sagas.lease import LEASE_S, SagaLease

NAMED = "-c application_name=kept"
PID = "select pg_backend_pid()"


def end_others(url: str) -> None:
    """End every other session in this database, as a restart of the server does."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )


async def one(kept: KeptConnection, sql: str) -> Any:
    async with kept.connected() as connection:
        found = await (await connection.execute(sql.encode())).fetchone()
    assert found is not None
    return found[0]


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"postgresql://127.0.0.1:{listening.getsockname()[1]}/x"


async def test_it_is_opened_once_and_again_when_it_was_lost(database_url: str) -> None:
    opened: list[int] = []

    async def note(connection: AsyncConnection[Any]) -> None:
        opened.append(connection.info.backend_pid)

    kept = KeptConnection(database_url, "the test's", NAMED, opened=note)
    assert opened == []
    first = await one(kept, PID)
    assert await one(kept, PID) == first
    end_others(database_url)
    with pytest.raises(Unavailable, match="the test's: "):
        await one(kept, PID)
    assert await one(kept, PID) != first
    assert opened == [first, await one(kept, PID)]
    await kept.close()


async def test_a_connection_that_could_not_be_made_ready_is_not_kept(database_url: str) -> None:
    tries = 0

    async def refuse_once(connection: AsyncConnection[Any]) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ValueError("not this one")

    kept = KeptConnection(database_url, "the test's", NAMED, opened=refuse_once)
    with pytest.raises(ValueError, match="not this one"):
        await one(kept, "select 1")
    sessions = "select count(*) from pg_stat_activity where application_name = 'kept'"
    assert await one(kept, sessions) == 1
    await kept.close()


async def test_another_connection_is_of_the_same_kind_and_its_callers(database_url: str) -> None:
    kept = KeptConnection(database_url, "the test's", NAMED)
    async with await kept.another() as other:
        found = await (await other.execute("show application_name")).fetchone()
        assert found == ("kept",)
        assert await one(kept, PID) != other.info.backend_pid
    assert await one(kept, "select 1") == 1
    await kept.close()
    with pytest.raises(Unavailable, match="the test's: "):
        await KeptConnection("postgresql://127.0.0.1:1/x", "the test's", NAMED).another()


async def test_one_task_at_a_time_uses_it(database_url: str) -> None:
    kept, using, most = KeptConnection(database_url, "the test's", NAMED), 0, 0

    async def use() -> None:
        nonlocal using, most
        async with kept.connected() as connection:
            using += 1
            most = max(most, using)
            await connection.execute("select pg_sleep(0.01)")
            using -= 1

    await asyncio.gather(*(use() for _ in range(5)))
    assert most == 1
    await kept.close()


async def test_a_cancelled_user_lets_the_next_one_in(database_url: str) -> None:
    kept = KeptConnection(database_url, "the test's", NAMED)
    sleeping = asyncio.create_task(one(kept, "select pg_sleep(60)"))
    await asyncio.sleep(0.2)
    sleeping.cancel()
    await asyncio.wait([sleeping])
    assert await asyncio.wait_for(one(kept, "select 1"), 10) == 1
    await kept.close()


async def test_only_errors_of_the_connection_are_unavailable(database_url: str) -> None:
    kept = KeptConnection(database_url, "the test's", NAMED)
    with pytest.raises(psycopg.errors.UndefinedTable):
        await one(kept, "select 1 from nowhere")
    other = KeptConnection(
        database_url, "the test's", NAMED, unavailable=(psycopg.errors.UndefinedTable,)
    )
    with pytest.raises(Unavailable, match="nowhere"):
        await one(other, "select 1 from nowhere")
    assert await one(other, "select 1") == 1
    await kept.close()
    await other.close()


async def test_the_options_of_the_url_come_last_and_win(database_url: str) -> None:
    url = f"{database_url}&" if "?" in database_url else f"{database_url}?"
    url += "options=-c%20application_name%3Dtheirs%20-c%20timezone%3DAsia/Tokyo"
    kept = KeptConnection(url, "the test's", "-c application_name=ours -c geqo=off")
    shown = [await one(kept, f"show {name}") for name in ("application_name", "timezone", "geqo")]
    assert shown == ["theirs", "Asia/Tokyo", "off"]
    await kept.close()
    with connect(url) as blocking:
        assert blocking.execute("show timezone").fetchone() == ("Asia/Tokyo",)


async def test_the_lease_keeps_the_options_of_its_url(database_url: str) -> None:
    url = f"{database_url}&" if "?" in database_url else f"{database_url}?"
    lease = SagaLease(url + "options=-c%20timezone%3DAsia/Tokyo", "one")
    async with lease._kept.connected() as connection:
        found = await (await connection.execute("show timezone")).fetchone()
    assert found == ("Asia/Tokyo",)
    await lease.close()


def test_without_any_options_none_are_sent() -> None:
    assert arguments("postgresql://x/y") == {"autocommit": True, "connect_timeout": CONNECT_S}


def test_a_lease_lasts_longer_than_its_holder_may_wait_for_a_connection() -> None:
    assert CONNECT_S < LEASE_S


async def test_a_server_that_does_not_answer_is_unavailable_in_time(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CONNECT_S", 2)  # the least that libpq waits
    kept = KeptConnection(silent, "the test's", NAMED)
    with pytest.raises(Unavailable, match="the test's: "):
        await asyncio.wait_for(one(kept, "select 1"), 10)
    with pytest.raises(psycopg.OperationalError):
        await asyncio.wait_for(asyncio.to_thread(connect, silent), 10)


async def test_a_pool_has_no_more_connections_than_it_may(database_url: str) -> None:
    found = pool(database_url, arguments(database_url, NAMED), connections=2, patience_s=0.2)
    await found.open()
    async with found.connection() as one, found.connection() as other:
        assert one.info.backend_pid != other.info.backend_pid
        with pytest.raises(PoolTimeout):
            async with found.connection():
                pass
    await found.close()


def test_a_blocking_connection_repeats_its_work_on_a_new_one(database_url: str) -> None:
    opened: list[int] = []
    kept = BlockingConnection(
        database_url, "the test's", opened=lambda c: opened.append(c.info.backend_pid)
    )
    [(first,)] = kept.execute(PID)
    end_others(database_url)
    [(second,)] = kept.execute(PID)
    assert opened == [first, second]
    assert first != second
    kept.close()

"""Connections of the ClickHouse client, and its errors as ours.

Importing the client costs a quarter of a second of CPU, so this module is imported when we first
connect to a warehouse.
"""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError
from clickhouse_connect.driver.httputil import get_pool_manager

from adapters.clickhouse.quiet import hush
from adapters.clickhouse.statement import Endpoint, WarehouseError, plain

THREADS = 4  # threads that share one client
TIMEOUT_S = 300
SOCKET_OPTIONS = [  # a request's head and body are two writes: without this, 40 ms per statement
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
]


def client_of(to: Endpoint, tls: Mapping[str, Any], **how: Any) -> Any:
    """A connected client.

    Raises:
        ConnectionError: the server does not answer.
        WarehouseError: the server refuses us.
    """
    hush()
    with plain_errors():
        pool = get_pool_manager(maxsize=THREADS, socket_options=SOCKET_OPTIONS, **tls)
        return clickhouse_connect.get_client(
            host=to.host, port=to.port, username=to.user, password=to.password,
            database=to.database, tz_mode="aware", autogenerate_session_id=False, query_retries=0,
            send_receive_timeout=TIMEOUT_S, pool_mgr=pool, **how,
        )  # fmt: skip


@contextmanager
def plain_errors() -> Iterator[None]:
    """Raise the client's errors as ConnectionError (the call may be repeated) or WarehouseError."""
    try:
        yield
    except OperationalError as error:
        raise ConnectionError(str(error)) from error
    except DatabaseError as error:
        raise WarehouseError(plain(str(error)), error.code or 0) from error

"""One analyst's statement over ClickHouse's HTTP interface, which can be given up at any moment.

Each statement has its own connection. To end the statement, close the connection: the embedded
owner and a server (`cancel_http_readonly_queries_on_client_close`) end it when its caller has
disconnected. We read at most `BYTES_MAX` of the answer, and count its rows before building them.
"""

import base64
import http.client
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlencode

from adapters.clickhouse import codes
from commands.expected import Expected

BYTES_MAX = 16 << 20
NESTED_BYTES_MAX = 1 << 20  # smaller, since in nested types one byte may be one value
CELLS_MAX = 500_000  # in one block
ERROR_MAX = 64 << 10
CONNECT_S = 10


_NESTED = re.compile(
    rb"Array\(|Map\(|Tuple\(|Nested\(|Variant\(|AggregateFunction\(|JSON|Dynamic|Object|QBit"
    rb"|Point|Ring|Polygon|LineString|Geometry"
)
"""Types with many values per row. An answer has its columns' types as text; data may match too."""


class Answer(NamedTuple):
    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


class WarehouseError(Expected):
    """ClickHouse refused a statement. `code` is its error code (164: not allowed here)."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Unreached(Exception):
    """The connection failed before anything was sent."""


class Lost(Exception):
    """The connection ended or timed out after the statement was sent."""


class Endpoint(NamedTuple):
    """Address and credentials of ClickHouse's HTTP interface."""

    host: str
    port: int
    user: str
    password: str
    database: str
    tls: tuple[tuple[str, str], ...] | None  # None: no TLS; else ca_cert, client_cert, ...

    def connection(self, timeout_s: float) -> http.client.HTTPConnection:
        if self.tls is None:
            return http.client.HTTPConnection(self.host, self.port, timeout=timeout_s)
        files = dict(self.tls)
        context = ssl.create_default_context(cafile=files.get("ca_cert"))
        if certificate := files.get("client_cert"):
            context.load_cert_chain(certificate, files.get("client_cert_key"))
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout_s, context=context)


class Statement:
    """Runs on one thread; any other thread may call `give_up`."""

    def __init__(self, endpoint: Endpoint, settings: Mapping[str, object]) -> None:
        self._endpoint, self._settings = endpoint, settings
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.given_up = False

    def give_up(self) -> None:
        with self._lock:
            self.given_up = True
            if self._socket is not None:
                _shut(self._socket)

    def rows(self, sql: str, *, rows_max: int, timeout_s: float) -> Answer:
        """The answer as rows.

        Raises:
            WarehouseError: the statement was refused, or the answer exceeds a bound.
            Unreached, Lost: the connection failed.
        """
        raw = self.bytes(sql, "Native", timeout_s=timeout_s)
        return _read(raw, rows_max)

    def bytes(self, sql: str, form: str, *, timeout_s: float) -> bytes:
        """The whole answer in a format."""
        connection = self._connected(timeout_s)
        try:
            connection.request("POST", self._path(form), sql.encode(), self._headers())
            response = connection.getresponse()
            if response.status != 200:
                raise _declined(response)
            body = response.read(BYTES_MAX + 1)
        except (OSError, http.client.HTTPException) as error:
            raise Lost(str(error) or type(error).__name__) from error
        finally:
            with self._lock:
                self._socket = None
            connection.close()
        if len(body) > BYTES_MAX:
            raise _past(f"{BYTES_MAX} bytes")
        return body

    def _connected(self, timeout_s: float) -> http.client.HTTPConnection:
        connection = self._endpoint.connection(CONNECT_S)
        try:
            connection.connect()
        except OSError as error:
            raise Unreached(str(error)) from error
        connection.sock.settimeout(timeout_s)
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._socket = connection.sock
            if self.given_up:
                _shut(connection.sock)
        return connection

    def _path(self, form: str) -> str:
        asked = {
            "database": self._endpoint.database,
            "default_format": form,
            "cancel_http_readonly_queries_on_client_close": 1,
            "wait_end_of_query": 1,
            **self._settings,
        }
        return "/?" + urlencode(asked)

    def _headers(self) -> dict[str, str]:
        known = f"{self._endpoint.user}:{self._endpoint.password}".encode()
        return {
            "Authorization": f"Basic {base64.b64encode(known).decode()}",
            "Content-Type": "text/plain; charset=utf-8",
        }


def _read(raw: bytes, rows_max: int) -> Answer:
    """Rows of an answer, block by block. Building a column blocks other threads: bound it first."""
    from adapters.clickhouse.native import parsed  # noqa: PLC0415 - takes .25 s of CPU

    if len(raw) > NESTED_BYTES_MAX and _NESTED.search(raw):
        raise _past(f"{NESTED_BYTES_MAX} bytes, and it holds arrays, maps or tuples")
    if _first_block(raw) > CELLS_MAX:
        raise _past(f"{CELLS_MAX} values")
    rows: list[tuple[Any, ...]] = []
    try:
        result = parsed(_Source(raw))
        with result.column_block_stream as blocks:
            for block in blocks:
                if len(rows) + len(block[0]) > rows_max:
                    raise _past(f"{rows_max} rows")
                rows += zip(*block, strict=True)
    except WarehouseError:
        raise
    except Exception as error:  # a type that the client does not know, or a truncated answer
        raise WarehouseError(f"the answer cannot be read: {error}", codes.UNREADABLE) from error
    return Answer(tuple(result.column_names), rows)


def _first_block(raw: bytes) -> int:
    """Columns times rows of the first block; an answer folded into constants is a single block."""
    found = [1, 0]
    at = 0
    for nth in range(2):
        shift = value = 0
        while at < len(raw) and shift < 63:
            byte, at = raw[at], at + 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        found[nth] = value
    return found[0] * found[1]


def _past(bound: str) -> WarehouseError:
    text = f"The result has more than {bound} (TOO_MANY_ROWS_OR_BYTES)"
    return WarehouseError(text, codes.TOO_LARGE)


class _Source:
    """A source of bytes for clickhouse-connect's parser."""

    exception_tag: str | None = None
    last_message: bytes | None = None

    def __init__(self, raw: bytes) -> None:
        self.gen = self._once(raw)

    def close(self) -> None:
        """There is nothing to close."""

    @staticmethod
    def _once(raw: bytes) -> Iterator[bytes]:
        if raw:
            yield raw


def plain(text: str) -> str:
    """The engine's error on one line, without the text that the transport adds."""
    text = re.sub(r"\s*\(for url [^)]*\)\s*$", "", " ".join(text.split()))
    return re.sub(r"^.*?Code: \d+\. (?:DB::Exception: )*", "", text, flags=re.DOTALL)


def _declined(response: http.client.HTTPResponse) -> WarehouseError:
    text = response.read(ERROR_MAX).decode("utf-8", "replace")
    code = response.headers.get("X-ClickHouse-Exception-Code", "")
    return WarehouseError(plain(text), int(code) if code.isdigit() else 0)


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):  # the other side has closed it already
        sock.shutdown(socket.SHUT_RDWR)

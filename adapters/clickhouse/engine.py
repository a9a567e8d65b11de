"""chdb behind plain calls: one engine, a fresh handle for every statement.

A handle costs .3 ms and carries the session state (USE, SET), so no statement sees another's
settings, and statements run side by side on their callers' threads (chdb releases the interpreter
lock). There are three calls: `run` (the owner's SQL), `insert` (bytes in a format) and `analyse`
(an analyst's SQL: vetted, bounded, read-only, and ended by `end`).
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from adapters.clickhouse import codes, guard
from adapters.clickhouse.names import DATABASE
from adapters.clickhouse.sandbox import memory_max

ROWS_MAX, SECONDS_MAX = 100_000, 60
RESULT_BYTES_MAX = 16 << 20
"""The most rows, seconds and bytes of one analyst's statement, whatever limits it asks for."""

LIMITS: Mapping[str, object] = {
    "max_result_bytes": RESULT_BYTES_MAX,
    "max_memory_usage": memory_max() // 4,
    "max_threads": 2,
    "max_block_size": 16_384,  # the engine checks bounds between blocks
    "max_query_size": 64 << 10,
    "max_ast_elements": 10_000,
    "max_ast_depth": 500,
    "max_expanded_ast_elements": 50_000,
    "max_subquery_depth": 30,
    "max_temporary_columns": 2_000,
    "max_rows_in_set": 5_000_000,
    "function_range_max_elements_in_block": 10_000_000,
    "result_overflow_mode": "throw",
    "timeout_overflow_mode": "throw",
    "do_not_merge_across_partitions_select_final": 1,
}
INSERTING = {"max_partitions_per_insert_block": 0}  # a simulation of decades has many months

_CODE = re.compile(r"Code: (\d+)")
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")

_USERS = """<clickhouse>
  <profiles><default/></profiles><quotas><default/></quotas>
  <users><default>
    <password/><profile>default</profile><quota>default</quota>
    <grants>
      <query>GRANT ALL ON {database}.*</query>
      <query>GRANT KILL QUERY ON *.*</query>
      <query>GRANT SELECT ON system.*</query>
    </grants>
  </default></users>
</clickhouse>
"""
"""The engine's one user: it may use its own database, but no file and no network as a source."""

_CONFIG = """<clickhouse>
  <path>{path}/</path>
  <users_config>{users}</users_config>
  <user_files_path>{path}/none/</user_files_path>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
</clickhouse>
"""


class StatementFailed(Exception):
    """The engine refused a statement; `code` is ClickHouse's error code."""

    def __init__(self, message: str) -> None:
        at = message.find("Code: ")
        super().__init__(message[max(at, 0) :].strip())
        match = _CODE.search(message)
        self.code = int(match.group(1)) if match else 1000


class Engine:
    def __init__(self, directory: Path, database: str = DATABASE) -> None:
        self._database = database
        directory.mkdir(parents=True, exist_ok=True)
        _forget_unmade(directory)
        self._url = _configured(directory.resolve(), database)
        import chdb  # noqa: PLC0415 (it starts threads, which the fence would not hold)

        self._connect: Callable[[str], Any] = chdb.connect
        self._root = chdb.connect(self._url)  # keeps the engine up while no statement runs
        self._root.query(f"CREATE DATABASE IF NOT EXISTS {database} ENGINE = Atomic")
        listed = self._root.query(guard.FUNCTIONS_SQL, "TSV")
        self._functions = frozenset(listed.bytes().decode().split())
        self._ended: set[str] = set()
        self._ending = threading.Lock()

    def run(
        self, sql: str, form: str, params: Mapping[str, str], settings: Mapping[str, object]
    ) -> bytes:
        """Run one statement of the owner; an explicit FORMAT clause overrides `form`."""
        with self._handle(settings) as handle:
            return _query(handle, sql, form, params)

    def insert(self, sql: str, form: str, block: bytes, settings: Mapping[str, object]) -> int:
        """Insert `block` with `sql`, the INSERT up to its FORMAT; the number of rows inserted."""
        with self._handle(INSERTING | dict(settings)) as handle:
            try:
                stream = handle.send_insert(sql, form)
                stream.append(block)
                return int(stream.finish().rows_written)
            except Exception as error:
                raise StatementFailed(str(error)) from error

    def analyse(self, sql: str, form: str, asked: Mapping[str, object], *, tag: str = "") -> bytes:
        """Run one read-only statement within the `asked` rows and seconds, at most our own limits.

        Args:
            tag: names the statement for `end`; letters, digits and hyphens.

        Raises:
            StatementFailed: code 164 if it is not a plain read, 396 or 159 beyond a bound.
        """
        rows = _at_most(asked.get("max_result_rows"), ROWS_MAX)
        bounds: dict[str, object] = {
            **LIMITS,
            "max_result_rows": rows,
            "max_execution_time": seconds_of(asked),
            "log_comment": tag,
            "readonly": 1,
        }
        vetted = self._vetted(sql)
        with self._handle({}) as handle:
            if vetted.query:
                tree = _query(handle, f"EXPLAIN AST {vetted.query}", "TSVRaw", {}).decode()
                if why := guard.objection(tree, vetted.query, self._database):
                    raise _refused(guard.Refused(why))
            _set(handle, bounds)  # only now: the bound on rows must not apply to the tree's lines
            with self._ending:
                if tag in self._ended:
                    ended = "Query was cancelled (QUERY_WAS_CANCELLED)"
                    raise StatementFailed(f"Code: {codes.CANCELLED}. {ended}")
            if vetted.text == vetted.query:
                return _streamed(handle, vetted.text, form, rows)
            return _within(_query(handle, vetted.text, form, {}))

    def end(self, tag: str) -> None:
        """End the statement of this tag; if it has not begun yet, it will not."""
        with self._ending:
            self._ended.add(tag)
        with self._handle({}) as handle, suppress(StatementFailed):
            where = f"Settings['log_comment'] = {_quoted(tag)}"
            _query(handle, f"KILL QUERY WHERE {where} ASYNC", "TSV", {})

    def forget(self, tag: str) -> None:
        """Forget the tag of a statement that is over."""
        with self._ending:
            self._ended.discard(tag)

    def close(self) -> None:
        self._root.close()

    def _vetted(self, sql: str) -> guard.Vetted:
        try:
            return guard.vet(sql, self._functions)
        except guard.Refused as error:
            raise _refused(error) from error

    @contextmanager
    def _handle(self, settings: Mapping[str, object]) -> Iterator[Any]:
        handle = self._connect(self._url)
        try:
            _query(handle, f"USE {self._database}", "TSV", {})
            _set(handle, settings)
            yield handle
        finally:
            handle.close()


def seconds_of(asked: Mapping[str, object]) -> int:
    """A statement's time limit: the `max_execution_time` it asks for, at most SECONDS_MAX."""
    return _at_most(asked.get("max_execution_time"), SECONDS_MAX)


def _configured(path: Path, database: str) -> str:
    """Write the engine's user rights and limits beside its folder; return the engine's address."""
    users, config = (path.with_name(f"{path.name}.{part}.xml") for part in ("users", "config"))
    users.write_text(_USERS.format(database=database))
    memory = memory_max() * 3 // 4
    config.write_text(_CONFIG.format(path=path, users=users, memory=memory))
    return f"{path}?config-file={config}"


def _forget_unmade(directory: Path) -> None:
    """Delete empty metadata files: a full disk leaves one, and with it the engine cannot start."""
    for made in (directory / "metadata").glob("*.sql"):
        if made.stat().st_size == 0:
            made.unlink()


def _set(handle: Any, settings: Mapping[str, object]) -> None:
    """Set all in one statement: after `readonly` the engine refuses every SET."""
    if settings:
        assignments = (f"{_setting(n)} = {_quoted(str(v))}" for n, v in settings.items())
        _query(handle, f"SET {', '.join(assignments)}", "TSV", {})


def _streamed(handle: Any, sql: str, form: str, rows_max: int) -> bytes:
    """The answer, refused beyond its bounds: the engine does not count rows of folded constants."""
    chunks: list[bytes] = []
    rows = size = 0
    try:
        with handle.send_query(sql, form) as stream:
            for chunk in stream:
                rows += chunk.rows_read()
                chunks.append(bytes(chunk.bytes() or b""))
                size += len(chunks[-1])
                if rows > rows_max:
                    raise _too_large(f"{rows_max} rows")
                if size > RESULT_BYTES_MAX:
                    raise _too_large(f"{RESULT_BYTES_MAX} bytes")
    except StatementFailed:
        raise
    except Exception as error:
        raise StatementFailed(str(error)) from error
    return b"".join(chunks)


def _within(answer: bytes) -> bytes:
    if len(answer) > RESULT_BYTES_MAX:
        raise _too_large(f"{RESULT_BYTES_MAX} bytes")
    return answer


def _too_large(bound: str) -> StatementFailed:
    text = f"Code: {codes.TOO_LARGE}. The result has more than {bound}"
    return StatementFailed(f"{text} (TOO_MANY_ROWS_OR_BYTES)")


def _query(handle: Any, sql: str, form: str, params: Mapping[str, str]) -> bytes:
    try:
        return bytes(handle.query(sql, form, params=dict(params)).bytes() or b"")
    except Exception as error:
        raise StatementFailed(str(error)) from error


def _refused(error: guard.Refused) -> StatementFailed:
    name = "SYNTAX_ERROR" if error.code == codes.SYNTAX_ERROR else "READONLY"
    return StatementFailed(f"Code: {error.code}. Read-only: {error} ({name})")


def _at_most(asked: object, limit: int) -> int:
    text = str(asked or "")
    return min(int(text), limit) if text.isdigit() and int(text) > 0 else limit


def _setting(name: str) -> str:
    if not _NAME.match(name):
        raise StatementFailed(f"Code: 115. {name!r} is no setting")
    return name


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

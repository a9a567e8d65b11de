"""chdb behind plain calls: one engine, a fresh handle for every statement.

A handle costs .3 ms and carries the session state (USE, SET), so nothing that one statement sets
can be seen by another, and statements run side by side on the threads of their callers (chdb
releases the interpreter lock). Three ways in: `run` (the owner's SQL), `insert` (bytes in a
format) and `analyse` (someone else's SQL: vetted, bounded, read-only).
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import chdb

from adapters.warehouse_guard import objection

DATABASE = "tidemark"
READONLY, SYNTAX_ERROR = 164, 62  # ClickHouse's error codes
ROWS_MAX, SECONDS_MAX = 100_000, 60
"""What one analyst's statement may return and take, whatever it asks for."""

LIMITS = {
    "max_result_bytes": 256 << 20,
    "max_memory_usage": 2 << 30,
    "max_threads": 2,
    "max_query_size": 64 << 10,
    "max_ast_elements": 10_000,
    "result_overflow_mode": "throw",
    "timeout_overflow_mode": "throw",
    "do_not_merge_across_partitions_select_final": 1,
}
INSERTING = {"max_partitions_per_insert_block": 0}  # simulated decades have many months

_CODE = re.compile(r"Code: (\d+)")
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_ECHO = re.compile(r": In scope SELECT formatQuerySingleLine.*", re.DOTALL)


class StatementFailed(Exception):
    """The engine declined a statement; `code` is ClickHouse's error code."""

    def __init__(self, message: str) -> None:
        at = message.find("Code: ")
        super().__init__(message[max(at, 0) :].strip())
        match = _CODE.search(message)
        self.code = int(match.group(1)) if match else 1000


class Engine:
    def __init__(self, directory: Path, database: str = DATABASE) -> None:
        self._database = database
        directory.mkdir(parents=True, exist_ok=True)
        self._path = str(directory.resolve())
        _forget_unmade(directory)
        self._root = chdb.connect(self._path)  # keeps the engine up while no statement runs
        self._root.query(f"CREATE DATABASE IF NOT EXISTS {database} ENGINE = Atomic")
        listed = self._root.query("SELECT lower(name) FROM system.table_functions", "TSV")
        self._table_functions = frozenset(listed.bytes().decode().split())

    def run(
        self, sql: str, form: str, params: Mapping[str, str], settings: Mapping[str, object]
    ) -> bytes:
        """One statement of the owner; an explicit FORMAT clause wins over `form`."""
        with self._handle(settings) as handle:
            return _query(handle, sql, form, params)

    def insert(self, sql: str, form: str, block: bytes, settings: Mapping[str, object]) -> int:
        """`sql` is the INSERT up to its FORMAT; the number of rows read from `block`."""
        with self._handle(INSERTING | dict(settings)) as handle:
            try:
                stream = handle.send_insert(sql, form)
                stream.append(block)
                return int(stream.finish().rows_written)
            except Exception as error:
                raise StatementFailed(str(error)) from error

    def analyse(
        self, sql: str, form: str, params: Mapping[str, str], asked: Mapping[str, object]
    ) -> bytes:
        """One read-only statement within `asked` rows and seconds, at most the door's own.

        Raises:
            StatementFailed: code 164 for what is not a plain read, 396 and 159 past a bound.
        """
        rows = _at_most(asked.get("max_result_rows"), ROWS_MAX)
        seconds = _at_most(asked.get("max_execution_time"), SECONDS_MAX)
        bounds = LIMITS | {"max_result_rows": rows, "max_execution_time": seconds, "readonly": 1}
        with self._handle(bounds) as handle:
            canonical = _canonical(handle, sql)
            if refusal := objection(canonical, self._table_functions):
                raise StatementFailed(f"Code: {READONLY}. Read-only: {refusal} (READONLY)")
            return _query(handle, canonical, form, params)

    def close(self) -> None:
        self._root.close()

    @contextmanager
    def _handle(self, settings: Mapping[str, object]) -> Iterator[Any]:
        handle = chdb.connect(self._path)
        try:
            _query(handle, f"USE {self._database}", "TSV", {})
            for name, value in settings.items():  # `readonly` comes last: SET ends there
                _query(handle, f"SET {_setting(name)} = {_quoted(str(value))}", "TSV", {})
            yield handle
        finally:
            handle.close()


def _forget_unmade(directory: Path) -> None:
    """A disk that was full as a database was made leaves an empty file, which bars every start."""
    for made in (directory / "metadata").glob("*.sql"):
        if made.stat().st_size == 0:
            made.unlink()


def _query(handle: Any, sql: str, form: str, params: Mapping[str, str]) -> bytes:
    try:
        return bytes(handle.query(sql, form, params=dict(params)).bytes() or b"")
    except Exception as error:
        raise StatementFailed(str(error)) from error


def _canonical(handle: Any, sql: str) -> str:
    """The engine's own one-line print of a single statement."""
    escaped = sql.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    try:
        form = "SELECT formatQuerySingleLine({sql:String})"
        return _query(handle, form, "TSVRaw", {"sql": escaped}).decode().strip()
    except StatementFailed as error:
        raise StatementFailed(_ECHO.sub(" (SYNTAX_ERROR)", str(error))) from error


def _at_most(asked: object, limit: int) -> int:
    text = str(asked or "")
    return min(int(text), limit) if text.isdigit() and int(text) > 0 else limit


def _setting(name: str) -> str:
    if not _NAME.match(name):
        raise StatementFailed(f"Code: 115. {name!r} is no setting")
    return name


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

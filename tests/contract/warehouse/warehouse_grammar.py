"""Thousands of statements: a small grammar of attacks, varied by quotes and comments."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

FUNCTIONS = (
    "count", "sum", "max", "arrayMap", "concat", "length", "toString", "if", "hex", "file", "url",
    "s3", "remote", "sleep", "sleepEachRow", "hostName", "currentUser", "getSetting", "dictGet",
    "joinGet", "getOSKernelVersion", "filesystemAvailable", "executable", "eval", "format",
    "formatRow", "addressToLine", "showCertificate", "catboostEvaluate", "version", "merge",
    "arrayReduce", "initializeAggregation", "transform", "throwIf", "aiGenerate", "fuzzQuery",
)  # fmt: skip
SOURCES = (
    "events", "postings", "executions", "numbers(10)", "numbers(100000)", "system.one",
    "system.processes", "ranges", "events_raw", "default.`{canary}`", "`{canary}`", "'{canary}'",
    "file('{canary}')", "file('{canary}', 'RawBLOB')", "url('http://127.0.0.1:{port}/', 'CSV')",
    "remote('127.0.0.1:{port}', 'system', 'one')", "s3('http://127.0.0.1:{port}/a/b')",
    "merge('tidemark', '.*')", "executable('cat {canary}', 'TSV', 'a String')", "loop(events)",
    "generateRandom('a UInt8')", "sqlite('{made}', 't')", "view(SELECT file('{canary}'))",
    "values('a String', file('{canary}'))", "(VALUES (file('{canary}')))", "dictionary('x')",
    "clusterAllReplicas('default', 'system', 'one')", "jdbc('x', 'y')", "format(TSV, '1')",
    "generateSeries(1, 1000000000000)", "python(x)", "input('a UInt8')", "null('a UInt8')",
    "information_schema.tables", "viewExplain('EXPLAIN', '', (SELECT 1))", "mysql('a','b','c','d')",
)  # fmt: skip
NAMES = (
    "a", "`a`", '"a"', "`a'b`", "`a\\`b`", "`a``b`", "\"a'b\"", '"a\\"b"', "`a b`", "$$a$$",
    "a\u2019b",    "`a\x00`", "`file`", "`into outfile`", "\u201ca\u201d",
)  # fmt: skip
TEXTS = (
    "''", "'x'", "'{canary}'", "'it''s'", "'a\\'b'", "'\\\\'", "'\\\\\\''", "'a`b'", "'/*'", "'--'",
    "'\\x27'", "'\\n'", "$$x$$", "$h$'$h$", "\u2018x\u2019", "x'41'", "unhex('27')", "'\u00e9'",
)  # fmt: skip
TAILS = (
    "", "", "", " INTO OUTFILE '{made}'", " INTO OUTFILE '{made}' APPEND", " FORMAT TSV",
    " INTO OUTFILE '{made}' TRUNCATE FORMAT TSV", " SETTINGS readonly = 0", "; SELECT 1", ";",
    " LIMIT 3", " PARALLEL WITH KILL QUERY WHERE 1", " -- x", " /* x", " # x",
    " UNION ALL SELECT 1",    " SETTINGS max_result_rows = 0, max_execution_time = 0",
)  # fmt: skip
BOMBS = (
    "arrayJoin(range(200000))", "range(1000000)", "repeat('x', 1000000)", "arrayJoin(range(1000))",
    "arrayMap(x -> toUInt8(1), range(1000000))", "arrayWithConstant(10000000, 'x')",
    "range(100000000)", "arraySum(arrayMap(x -> arraySum(range(x)), range(3000)))",
    "replicate(1, range(1000000))",
    "sumIf(number, 1)", "groupArray(number)", "arrayFold((a, x) -> a + x, range(1000), toInt64(0))",
    "arrayMap(x -> arrayMap(y -> x * y, range(1000)), range(1000))", "randomString(1000000)",
)  # fmt: skip
NOISE = (
    "'", '"', "`", "\\", "''", "``", "/*", "*/", "--", "\n", "/**/", "#", "$$", "\x00", "\u2019",
    ";",    "(", ")", "\u00a0", "{x:String}", "\\'", "\t", ",", "@@", " AS ",
)  # fmt: skip


class Grammar:
    """Statements of one seed; they use this canary, this file to create and this port."""

    def __init__(self, seed: int, canary: Path, made: Path, port: int) -> None:
        self._dice = random.Random(seed)
        self._named = {"canary": str(canary), "made": str(made), "port": str(port)}

    def statements(self, count: int) -> Iterator[str]:
        for _ in range(count):
            text = self._select(0)
            for name, value in self._named.items():
                text = text.replace(f"{{{name}}}", value)
            yield self._mutated(text) if self._dice.random() < 0.5 else text

    def _one(self, of: tuple[str, ...]) -> str:
        return self._dice.choice(of)

    def _select(self, depth: int) -> str:
        shapes: tuple[Callable[[], str], ...] = (
            lambda: f"SELECT {self._value(depth)} AS {self._one(NAMES)}",
            lambda: f"SELECT {self._value(depth)} FROM {self._source(depth)}",
            lambda: f"FROM {self._source(depth)} SELECT {self._value(depth)}",
            lambda: f"WITH a AS ({self._select(depth + 1)}) SELECT * FROM a",
            lambda: f"WITH {self._value(depth)} AS a SELECT a",
            lambda: f"SELECT * APPLY({self._one(FUNCTIONS)}) FROM {self._source(depth)}",
            lambda: f"SELECT 1 WHERE {self._value(depth)} IN {self._source(depth)}",
            lambda: f"SELECT 1 FROM {self._source(depth)} AS x, {self._source(depth)} AS y",
            lambda: f"EXPLAIN {self._select(depth + 1)}",
            lambda: f"DESCRIBE {self._source(depth)}",
            lambda: f"INSERT INTO FUNCTION file('{{made}}') {self._select(depth + 1)}",
        )
        made = self._dice.choice(shapes)() if depth < 3 else "SELECT 1"
        return made + (self._one(TAILS) if self._dice.random() < 0.3 else "")

    def _source(self, depth: int) -> str:
        if depth < 2 and self._dice.random() < 0.3:
            return f"({self._select(depth + 1)})"
        return self._one(SOURCES)

    def _value(self, depth: int) -> str:
        roll = self._dice.random()
        if roll < 0.15:
            return self._one(BOMBS)
        if roll < 0.35 or depth > 3:
            return self._one(TEXTS)
        if roll < 0.5:
            return f"arrayMap({self._one(FUNCTIONS)}, [{self._one(TEXTS)}])"
        name = self._called(self._one(FUNCTIONS))
        return f"{name}({self._value(depth + 1)})"

    def _called(self, name: str) -> str:
        """A function's name in one of its spellings."""
        return self._dice.choice(
            (name, name, name, f"`{name}`", f'"{name}"', name.upper(), f"{name}/**/", f"{name} ",
             f"`{name[:1]}\\x{ord(name[1]):02x}{name[2:]}`", f"{name}If", f"/*'*/{name}")
        )  # fmt: skip

    def _mutated(self, text: str) -> str:
        """Insert noise; remove, double or swap pieces."""
        for _ in range(self._dice.randint(1, 3)):
            at = self._dice.randrange(len(text) + 1)
            end = min(len(text), at + self._dice.randint(0, 6))
            piece = self._dice.choice(("", self._one(NOISE), self._one(NOISE), text[at:end] * 2))
            text = text[:at] + piece + text[end if self._dice.random() < 0.3 else at :]
        return text

"""The guard of the SQL endpoint vets statements before an engine, by lists over our own tokens."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.clickhouse import names
from adapters.clickhouse.guard import DEPTH_MAX, TOKENS_MAX, Refused, objection, vet

KNOWN = frozenset(
    {
        "sum", "count", "max", "arraymap", "lower", "file", "url", "s3", "remote", "sleep",
        "sleepeachrow", "hostname", "currentuser", "getsetting", "getoskernelversion", "dictget",
        "joinget", "filesystemavailable", "version", "merge", "cluster", "clusterallreplicas",
        "executable", "python", "eval", "view", "viewexplain", "input", "loop", "jdbc", "odbc",
        "mysql", "sqlite", "generaterandom", "null", "dictionary", "format", "numbers", "uptime",
        "tcpport", "getmacro",
    }
)  # fmt: skip
"""The engine's lists of functions and table functions."""


def code_of(sql: str) -> int:
    with pytest.raises(Refused) as raised:
        vet(sql, KNOWN)
    return raised.value.code


def passes(sql: str) -> str:
    return vet(sql, KNOWN).text


PLAIN = [
    "SELECT 1",
    "SELECT count() FROM events",
    "SELECT it FROM (SELECT 'it''s; a -- file(' AS it)",
    "WITH x AS (SELECT max(position) AS top FROM postings) SELECT top FROM x",
    "(SELECT 1) UNION ALL (SELECT 2)",
    "SELECT sumIf(amount, amount > 0), quantileExactIf(0.5)(amount, 1) FROM postings",
    "SELECT arrayMap((x, y) -> x + y, [1], [2])[1], (1, 2).1, x::Decimal(38, 12) FROM events",
    'SELECT version, name, "hash", `schema` FROM events',
    "SELECT format('{}', 'x'), 'a' || 'b', 1e-3, .5, 0x1F",
]


@pytest.mark.parametrize("sql", PLAIN)
def test_a_plain_read_is_sent_as_it_was_written(sql: str) -> None:
    assert passes(sql) == sql


def test_comments_and_the_last_semicolon_are_not_sent() -> None:
    assert passes("-- why\nSELECT /* what */ 1;\n") == "SELECT 1"


QUOTES = [
    "SELECT 1 AS `a'b`, file('/etc/hostname') AS x",
    "SELECT 'x' AS `a'b` INTO OUTFILE 'pwn.txt'",
    "SELECT 1 AS \"a'b\", file('/etc/hostname')",
    "SELECT 1 AS `a\\`b`",
    "SELECT 1 AS `a``b`",
    'SELECT 1 AS "a\\"b"',
    "SELECT $$a'b$$, 1",
    "SELECT $x$ ' $x$",
    "SELECT \u2018a\u2019",
    "SELECT \u201ca\u201d",
    "SELECT 1 \x00 AS a",
    "SELECT 1\u00a0AS a",
    "SELECT {x:String}",
    "SELECT {'a': 1}",
    "SELECT @@version",
    "SELECT 1 # comment",
    "SELECT /* /* */ 1 */ 2",
    "SELECT 'unended",
    "SELECT `unended",
    "SELECT x'2F6574632F'",
    "SELECT b'0101'",
    "SELECT 1abc",
]


@pytest.mark.parametrize("sql", QUOTES)
def test_what_two_lexers_may_read_differently_is_refused(sql: str) -> None:
    assert code_of(sql) == 164


CALLS = [
    "file('/etc/passwd')", "`file`('/etc/passwd')", '"file"(\'/etc/passwd\')', "FILE('x')",
    "url('http://x')", "s3('x')", "remote('x')", "sleep(1)", "sleepEachRow(1)", "hostName()",
    "currentUser()", "getSetting('x')", "getOSKernelVersion()", "dictGet('d', 'x', 1)",
    "joinGet('t', 'x', 1)", "filesystemAvailable()", "version()", "uptime()", "tcpPort()",
    "getMacro('x')", "aFunctionOfTomorrow(1)", "fileIf('x', 1)", "file /**/ ('x')",
    "arrayMap(file, ['x'])", "arrayMap(x -> file(x), ['x'])",
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_no_function_beside_the_list_is_called_or_handed_over(call: str) -> None:
    for sql in (
        f"SELECT {call}",
        f"SELECT 1 FROM events WHERE {call} = 1",
        f"WITH {call} AS a SELECT a",
        f"SELECT * FROM events ORDER BY {call}",
        f"EXPLAIN SELECT {call}",
    ):
        assert code_of(sql) == 164, sql


SOURCES = [
    "file('x')", "url('x')", "s3('x')", "remote('x', 'y')", "merge('', '.*')", "executable('id')",
    "jdbc('x')", "odbc('x')", "mysql('x')", "sqlite('x', 'y')", "python(x)", "input('a UInt8')",
    "clusterAllReplicas('a', 'b')", "loop(events)", "generateRandom('a UInt8')", "eval('SELECT 1')",
    "view(SELECT 1)", "viewExplain('EXPLAIN', '', (SELECT 1))", "null('a UInt8')",
    "dictionary('d')", "system.one", "system.processes", "information_schema.tables",
    "INFORMATION_SCHEMA.TABLES", "`system`.one", "default.`/etc/passwd`", "ranges", "events_raw",
    "`events_raw`", "tidemark.ranges", "file.csv",
]  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
def test_nothing_is_read_from_beside_the_views(source: str) -> None:
    for sql in (
        f"SELECT * FROM {source}",
        f"FROM {source} SELECT 1",
        f"SELECT 1 FROM events, {source}",
        f"SELECT 1 FROM events JOIN {source} USING (position)",
        f"SELECT 1 WHERE 1 IN (SELECT * FROM {source})",
        f"WITH a AS (SELECT * FROM {source}) SELECT * FROM a",
    ):
        assert code_of(sql) == 164, sql


STATEMENTS = [
    "INSERT INTO events SELECT 1", "INSERT INTO FUNCTION file('x') SELECT 1", "CREATE TABLE x",
    "ATTACH TABLE x FROM '/tmp'", "DROP TABLE events", "ALTER TABLE events DELETE WHERE 1",
    "SET readonly = 0", "SYSTEM SHUTDOWN", "KILL QUERY WHERE 1", "BACKUP TABLE events TO File('x')",
    "GRANT ALL ON *.* TO x", "USE system", "OPTIMIZE TABLE events", "TRUNCATE TABLE events",
    "RENAME TABLE a TO b", "SHOW PROCESSLIST", "SHOW CREATE TABLE events", "SHOW SETTINGS",
    "SHOW TABLES FROM system", "SHOW GRANTS", "DESCRIBE file('x')", "DESCRIBE TABLE system.one",
    "DESCRIBE (SELECT 1)", "EXISTS TABLE system.one", "EXISTS ranges", "EXPLAIN KILL QUERY WHERE 1",
    "EXPLAIN AST SELECT 1", "EXPLAIN INSERT INTO events SELECT 1", "CHECK TABLE events",
    "EXECUTE AS x SELECT 1", "BEGIN", "COPY events TO 'x'", "VALUES (1)", "EXPLAIN", "SHOW", "DESC",
]  # fmt: skip


@pytest.mark.parametrize("sql", STATEMENTS)
def test_only_reads_are_statements(sql: str) -> None:
    assert code_of(sql) == 164


CLAUSES = [
    "INTO OUTFILE 'x'", "INTO OUTFILE 'x' APPEND", "INTO OUTFILE 'x' TRUNCATE", "into outfile 'x'",
    "INTO/**/OUTFILE 'x'", "INTO\nOUTFILE\t'x'", "FORMAT Native", "FORMAT JSON", "SETTINGS a = 1",
    "settings readonly = 0", "PARALLEL WITH KILL QUERY WHERE 1", "FROM INFILE 'x'",
]  # fmt: skip


@pytest.mark.parametrize("clause", CLAUSES)
def test_no_clause_writes_sets_or_chooses_a_format(clause: str) -> None:
    for sql in (f"SELECT 1 {clause}", f"(SELECT 1 {clause})", f"EXPLAIN SELECT 1 {clause}"):
        assert code_of(sql) == 164, sql


def test_one_statement_of_bounded_length_and_depth() -> None:
    assert code_of("SELECT 1; SELECT 2") == 62
    assert code_of(";") == 62
    assert code_of("-- nothing") == 62
    assert code_of("SELECT " + "(" * (DEPTH_MAX + 1) + "1") == 167
    assert code_of("SELECT 1" + " + 1" * TOKENS_MAX) == 167


def test_the_catalogue_is_that_of_the_views() -> None:
    assert set(re.findall(r"'(\w+)'", passes("show tables"))) == names.VIEWS
    for sql in ("DESCRIBE postings", "desc table postings", "DESCRIBE TABLE `postings`"):
        assert passes(sql) == "DESCRIBE TABLE postings"
    assert passes("EXISTS postings") == "EXISTS TABLE postings"


TREE = """SelectWithUnionQuery (children 1)
 ExpressionList (children 1)
  SelectQuery (children 2)
   ExpressionList (children 1)
    Function {function} (children 1)
     ExpressionList
   TablesInSelectQuery (children 1)
    TablesInSelectQueryElement (children 1)
     TableExpression (children 1)
      {source}"""


@pytest.mark.parametrize(
    ("function", "source", "allowed"),
    [
        ("count", "TableIdentifier postings", True),
        ("count", "TableIdentifier postings (alias p)", True),
        ("count", "TableIdentifier tidemark.postings", True),
        ("count", "TableIdentifier x", True),  # of the statement's own WITH
        ("count", "Function numbers (children 1)", True),
        ("count", "TableIdentifier /etc/passwd", False),
        ("count", "TableIdentifier other.postings", False),
        ("count", "TableIdentifier system.one", False),
        ("count", "Function file (children 1)", False),
        ("file", "TableIdentifier postings", False),
        ("count", "Set", False),
    ],
)
def test_what_the_engine_reads_must_be_on_the_lists_too(
    function: str, source: str, allowed: bool
) -> None:
    tree = TREE.format(function=function, source=source)
    found = objection(tree, "WITH x AS (SELECT 1) SELECT count() FROM x")
    assert (found is None) is allowed, found


WORDS = st.sampled_from(
    ["SELECT", "1", "file", "'x'", "(", ")", "`a`", '"b"', "/*", "*/", "--", "\n", "'", "`", '"',
     "\\", "''", ",", "FROM", "INTO", "OUTFILE", "AS", ";", "$$", "\u2019", "x", "events", "[", "]"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=25).map(" ".join) | st.lists(WORDS, max_size=25).map("".join))
@example("` /* `")
@example("` file `")
def test_what_passes_reads_the_same_a_second_time(sql: str) -> None:
    """The text that is sent has no comment, no odd quote and none of the forbidden words.

    Quoted parts are texts or names, not words of the language.
    """
    try:
        found = vet(f"SELECT 1, {sql}", KNOWN)
    except Refused:
        return
    assert vet(found.text, KNOWN) == found
    bare = re.sub(r"(['`\"])(?:\\.|\1\1|(?!\1)[^\\])*\1", "''", found.text, flags=re.DOTALL)
    assert not re.search(r"\b(file|into|outfile)\b", bare, re.IGNORECASE)
    assert "--" not in bare and "/*" not in bare


@given(st.text())
def test_any_text_is_vetted_or_refused(sql: str) -> None:
    try:
        vet(sql, KNOWN)
    except Refused as error:
        assert error.code in (62, 164, 167)

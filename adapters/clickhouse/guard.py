"""Decides whether an analyst's statement may run: by its tokens, then by the engine's syntax tree.

    text --tokens--> vetted text --engine: EXPLAIN AST--> tree --allowed?--> run

Both checks must allow it:

1. `vet` cuts the text into tokens by rules narrower than the engine's. It refuses what only
   ClickHouse's lexer knows (heredocs, parameters in braces, typographic quotes, escapes within a
   name, comments within comments). It looks up every word: a called function must be on the list,
   and no other word may name a function that is not (a function can be passed by its bare name), a
   table other than the views, or a clause that writes. We send the engine the text made of these
   tokens, without comments.
2. `objection` checks the tree that the engine's parser made of that text, node by node: kinds of
   nodes, tables, table functions and functions must be on the list.

So if our reading differs from the engine's, the statement is refused, not run.
"""

import re
from collections.abc import Iterable, Iterator, Set
from functools import lru_cache
from typing import NamedTuple

from adapters.clickhouse import codes, names

TOKENS_MAX, DEPTH_MAX = 8_000, 60
READS = ("SELECT", "WITH", "FROM", "(")
EXPLAINED = ("PLAN", "SYNTAX", "PIPELINE")

FUNCTIONS_SQL = (
    "SELECT lower(name) FROM system.functions"
    " UNION DISTINCT SELECT lower(name) FROM system.table_functions"
)
"""Selects the names of an engine's functions, which `vet` needs."""

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\n]+)
    | (?P<comment>--[^\n]*|/\*.*?\*/)
    | (?P<unended>/\*)
    | (?P<string>'(?:[^'\\]|\\.|'')*')
    | (?P<quoted>`[^`"'\\]+`|"[^`"'\\]+")
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<number>0[xX][0-9a-fA-F]+|\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?)
    | (?P<mark><=>|->|::|\|\||==|!=|<>|<=|>=|[()\[\],.+\-*/%=<>?:;])
    """,
    re.VERBOSE | re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NODE = re.compile(r"( *)([\w:]+)(?: (.*))?")
_TAIL = re.compile(r"(?: \(alias .*\))?(?: \(children \d+\))?$")


class Refused(Exception):
    """The statement may not run; the text is the reason, `code` is ClickHouse's error code."""

    def __init__(self, why: str, code: int = codes.READONLY) -> None:
        super().__init__(why)
        self.code = code


class Vetted(NamedTuple):
    text: str  # to send to the engine
    query: str  # the SELECT within it, for `objection`; "" if there is none


class Token(NamedTuple):
    kind: str
    text: str
    gap: bool  # white space or a comment precedes it

    @property
    def name(self) -> str:
        """A word as it is, a quoted name without its quotes; "" for other tokens."""
        if self.kind == "quoted":
            return self.text[1:-1]
        return self.text if self.kind == "word" else ""


def vet(sql: str, functions: frozenset[str]) -> Vetted:
    """Check a statement's tokens and make the text to send to the engine.

    Args:
        functions: every function and table function that the engine has, in lower case.

    Raises:
        Refused: it is not one read of the views, with functions on the list.
    """
    tokens = _single(list(_tokens(sql)))
    first = tokens[0].text.upper()
    if first in ("SHOW", "DESC", "DESCRIBE", "EXISTS"):
        return Vetted(_catalogue(first, tokens), "")
    head = ""
    if first == "EXPLAIN":
        head, tokens = "EXPLAIN ", tokens[1:]
        if tokens and tokens[0].text.upper() in EXPLAINED:
            head, tokens = f"EXPLAIN {tokens[0].text} ", tokens[1:]
    if not tokens or tokens[0].text.upper() not in READS:
        raise Refused(f"{tokens[0].text.upper() if tokens else first} is not a query")
    _vet_words(tokens, _forbidden(functions))
    query = "".join((" " if t.gap else "") + t.text for t in tokens).strip()
    return Vetted(head + query, query)


def objection(tree: str, query: str, database: str = names.DATABASE) -> str | None:
    """The reason why the engine's tree of a vetted statement may not run; None if it may.

    Args:
        tree: the output of EXPLAIN AST for `query`, one node per line.
        query: the vetted text; it may use the tables that it defines by WITH.
    """
    tables = names.VIEWS | {f"{database}.{view}" for view in names.VIEWS} | _defined(query)
    parents: list[_Node] = []
    for line in tree.splitlines():
        found = _NODE.fullmatch(line)
        if found is None or found.group(2).lower() not in names.NODES:
            return f"{line.strip()[:60]} is not allowed here"
        del parents[len(found.group(1)) :]
        nth = parents[-1].children if parents else 0
        node = _Node(found.group(2), _TAIL.sub("", found.group(3) or "").strip())
        if why := _node_objection(node, nth, parents, tables):
            return why
        if parents:
            parents[-1].children += 1
        parents.append(node)
    return None


class _Node:
    """A node of the engine's tree: the one being checked, or an ancestor of it."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name, self.children = kind, name, 0


def _node_objection(node: _Node, nth: int, parents: list[_Node], tables: Set[str]) -> str | None:
    name = node.name[:60]
    if node.kind == "TableIdentifier" and node.name not in tables:
        return f"there is no view {name!r} here: {', '.join(sorted(names.VIEWS))}"
    if node.kind == "Function":
        lower = node.name.lower()
        if parents and parents[-1].kind == "TableExpression":
            if lower not in names.TABLE_FUNCTIONS:
                return f"the table function {name} is not allowed here"
        elif not (names.callable_name(lower) or lower in names.TREE):
            return f"the function {name} is not allowed here"
    looked_up = nth == 1 and len(parents) > 1 and parents[-2].name.lower() in names.IN
    if node.kind == "Identifier" and looked_up and "." in node.name and node.name not in tables:
        return f"{name} after IN is not allowed here: name a view, or SELECT from it"
    return None


def _tokens(sql: str) -> Iterator[Token]:
    """The statement's tokens; comments and white space set the `gap` of the next token.

    Raises:
        Refused: a character or quote that is not allowed outside a string.
    """
    if found := _CONTROL.search(sql):
        raise Refused(f"the character U+{ord(found.group()):04X} is not allowed here")
    at, gap, count, last = 0, False, 0, "mark"
    while at < len(sql):
        found = _TOKEN.match(sql, at)
        if found is None:
            raise Refused(_strange(sql[at : at + 20]))
        kind, text, at = str(found.lastgroup), found.group(), found.end()
        if kind == "unended":
            raise Refused("a comment does not end")
        if kind == "comment" and "/*" in text[2:]:
            raise Refused("a comment within a comment is not allowed here")
        if kind in ("space", "comment"):
            gap = True
            continue
        if kind != "mark" and last != "mark" and not gap:  # the engine may see one word
            raise Refused(f"{text[:20]!r} is not allowed here: put a space before it")
        last = kind
        count += 1
        if count > TOKENS_MAX:
            raise Refused(f"the statement has more than {TOKENS_MAX} words", codes.TOO_LONG)
        yield Token(kind, text, gap)
        gap = False


def _strange(text: str) -> str:
    if text[0] in '`"':
        return f"{text!r}: a quoted name holds no quote and no backslash here"
    return f"{text!r} is not understood here"


def _single(tokens: list[Token]) -> list[Token]:
    """The tokens of the one statement, without the semicolon at its end."""
    while tokens and tokens[-1].text == ";":
        tokens.pop()
    if not tokens:
        raise Refused("the statement is empty", codes.SYNTAX_ERROR)
    if any(token.text == ";" for token in tokens):
        raise Refused("only one statement at a time", codes.SYNTAX_ERROR)
    depth = 0
    for token in tokens:
        depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
        if depth > DEPTH_MAX:
            raise Refused(f"brackets are nested deeper than {DEPTH_MAX}", codes.TOO_LONG)
    return tokens


def _catalogue(first: str, tokens: list[Token]) -> str:
    """The text for SHOW TABLES, DESCRIBE or EXISTS: only of the views, and written by us."""
    rest = [token for token in tokens[1:] if token.text.upper() not in ("TABLE", "VIEW")]
    if first == "SHOW":
        if [token.text.upper() for token in tokens[1:]] != ["TABLES"]:
            raise Refused("of SHOW only SHOW TABLES is allowed here")
        listed = ", ".join(f"'{view}'" for view in sorted(names.VIEWS))
        return f"SELECT arrayJoin([{listed}]) AS name"
    if len(rest) != 1 or rest[0].name not in names.VIEWS:
        raise Refused(f"{first} takes the name of a view: {', '.join(sorted(names.VIEWS))}")
    return f"{'EXISTS' if first == 'EXISTS' else 'DESCRIBE'} TABLE {rest[0].name}"


@lru_cache(maxsize=4)  # an engine has one set of functions
def _forbidden(functions: frozenset[str]) -> Set[str]:
    """Words that are refused at any place: they name functions or tables not on the list."""
    known = names.COLUMNS | names.KEYWORDS | names.TYPES | names.VIEWS
    listed = {f for f in functions if f not in known and not names.callable_name(f)}
    return (listed - names.TABLE_FUNCTIONS) | names.RESERVED


def _vet_words(tokens: list[Token], forbidden: Set[str]) -> None:
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        name = token.name.lower()
        if not name:
            continue
        called = after is not None and after.text == "("
        if token.kind == "word" and name in names.BANNED and not (name == "format" and called):
            raise Refused(f"{token.text.upper()} is not allowed here")
        if name in forbidden:
            raise Refused(f"{token.name} is not allowed here")
        if called and not _may_open(token, name):
            raise Refused(f"the function {token.name[:60]} is not allowed here")


def _may_open(token: Token, name: str) -> bool:
    """Whether a bracket may follow this name."""
    if names.callable_name(name) or name in names.TABLE_FUNCTIONS or name in names.TYPES:
        return True
    return token.kind == "word" and name in names.KEYWORDS and name != "null"


def _defined(query: str) -> Set[str]:
    """The names that WITH gives to subqueries: `name AS (`."""
    tokens = list(_tokens(query))
    triples: Iterable[tuple[Token, Token, Token]] = zip(
        tokens, tokens[1:], tokens[2:], strict=False
    )
    return {
        first.name
        for first, second, third in triples
        if first.name
        and second.text.upper() == "AS"
        and (third.text == "(" or third.text.upper() in ("MATERIALIZED", "NOT"))
    } - names.RESERVED

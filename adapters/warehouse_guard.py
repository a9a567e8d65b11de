"""What an analyst's statement may call: vetted on ClickHouse's own canonical form of it.

`readonly = 1` refuses writes, DDL, SET and most table functions, and still lets a SELECT write a
file (INTO OUTFILE), read one (the scalar function `file`), kill a query, and touch the disk or
the network while a refused table function is being resolved. So the statement is first printed
canonically by the engine (one statement, no comments, escapes resolved, one kind of string
literal), vetted as text, and that canonical text is what runs: there is no second lexer to fool.
"""

import re
from collections.abc import Set

OPENINGS = frozenset({"SELECT", "WITH", "EXPLAIN", "DESCRIBE", "SHOW", "EXISTS"})
TABLE_FUNCTIONS = frozenset(
    {
        "numbers", "numbers_mt", "zeros", "zeros_mt", "primes", "generateseries",
        "generate_series", "values", "view", "viewexplain", "null", "merge",
    }
)  # fmt: skip
"""Table functions that neither leave the process nor evaluate text."""

DENIED = frozenset(
    {
        "file", "infile", "outfile", "kill", "eval", "sleep", "sleepeachrow", "fuzzquery",
        "catboostevaluate", "getclienthttpheader", "joinget", "joingetornull", "dictionary",
    }
)  # fmt: skip
"""Words that may stand nowhere outside a string: a function may be passed by its bare name."""

_STRING = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_WORD = re.compile(r"\w+")
_CALL = re.compile(r"(\w+)[`\"]?\s*\(")
_MODEL = re.compile(r"\bai[A-Z]\w*|\bAI[A-Z]\w*")  # functions that call a language model


def objection(canonical: str, table_functions: Set[str]) -> str | None:
    """Why this statement may not run at the read-only door; None when it may.

    `canonical` is what the engine's `formatQuerySingleLine` printed, `table_functions` the lower
    case names that the engine has.
    """
    bare = _STRING.sub("''", canonical)
    opening = bare.lstrip("( ").split(" ", 1)[0].upper()
    if opening not in OPENINGS:
        return f"{opening} is not a query"
    if found := sorted(DENIED & {word.lower() for word in _WORD.findall(bare)}):
        return f"{found[0]} is not allowed here"
    called = {name.lower() for name in _CALL.findall(bare)}
    if reaching := sorted(called & (table_functions - TABLE_FUNCTIONS - {"format"})):
        return f"the table function {reaching[0]} is not allowed here"
    if model := _MODEL.search(bare):
        return f"{model.group()} is not allowed here"
    return None

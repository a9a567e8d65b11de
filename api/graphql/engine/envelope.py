"""The envelope of an operation: `query`, `variables`, `operationName`, `extensions`.

The names are those of GraphQL over HTTP; a socket's `subscribe` message has the same. An unknown
field is refused by name, as in a command's body. `extensions` are accepted and have no effect.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from strawberry.http import GraphQLRequestData

from api.http.echo import short_name
from api.http.problems import Problem

_OPERATION = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,99}").fullmatch


class _Rule(NamedTuple):
    name: str
    requirement: str
    holds: Callable[[Any], bool]  # for a value that is not null


_TEXT = _Rule("text", "must be a text", lambda value: isinstance(value, str))
_OBJECT = _Rule("object", "must be an object", lambda value: isinstance(value, dict))
_FIELDS = {
    "query": _TEXT,
    "variables": _OBJECT,
    "operationName": _Rule(
        "name",
        "must be a name of at most 100 letters, digits and _",
        lambda value: isinstance(value, str) and _OPERATION(value) is not None,
    ),
    "extensions": _OBJECT,
}
_UNKNOWN = _Rule("unknown_field", f"is none of {', '.join(_FIELDS)}", lambda _: False)


def request_data(found: Mapping[str, Any]) -> GraphQLRequestData:
    """Check an envelope and return its request; a field that is null or missing is None.

    Raises:
        Problem: 400 naming the first field that breaks its rule.
    """
    for field, value in found.items():
        rule = _FIELDS.get(field, _UNKNOWN)
        if (value is not None or rule is _UNKNOWN) and not rule.holds(value):
            raise _invalid_input(field, rule)
    return GraphQLRequestData(
        query=found.get("query"),
        variables=found.get("variables"),
        operation_name=found.get("operationName"),
        extensions=found.get("extensions"),
        protocol="http",
    )


def _invalid_input(field: str, rule: _Rule) -> Problem:
    shown = short_name(field)
    error = {"field": shown, "rule": rule.name, "message": rule.requirement}
    return Problem(400, "invalid_input", f"{shown}: {rule.requirement}", errors=[error])

"""Commands from bodies that name their fields in an order seen before, without a JSON parser.

    body --the pattern of the order seen last--> values --> the command, or None: parse the JSON
                        ^
    parsed body --seen--'

A caller sends the same fields in the same order again and again. Once such a body has been parsed
and has become a command by `api.http.plain_fields`, its order has a regular expression. It accepts
less than the parser and the rules do: printable ASCII without escapes, at most one blank after a
colon or a comma, each name once. So what it accepts is the same command.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from api.http.plain_fields import Plan
from domain.shared.message import Command

ORDERS_MAX = 16  # of one kind of command; compiling a pattern takes milliseconds

_TEXT = r"[ !#-\[\]-~]*"  # of a JSON string: neither quotes nor escapes
_FLAGS = {"true": True, "false": False}

Check = Callable[[str], Any]
"""The value of a text, or None if it breaks a rule."""


class Pattern(NamedTuple):
    """The rule of one type of field as a regular expression."""

    text: str
    value: Check | None  # None: the text itself


class _Order(NamedTuple):
    """A body whose fields come in one order."""

    match: Callable[[str], "re.Match[str] | None"]  # a group a field
    checks: Sequence[tuple[str, Check]]  # of the fields whose value is not the text


class PlainBodies:
    """Reads the bodies of one kind of command.

    Args:
        patterns: by the check of a field in `plan`; the check itself is called for other fields.
    """

    def __init__(
        self, kind: type[Command], plan: Plan, patterns: dict[Callable[..., Any], Pattern]
    ) -> None:
        self._kind, self._plan, self._patterns = kind, plan, patterns
        self._orders: dict[tuple[str, ...], _Order] = {}
        self._last: _Order | None = None

    def command(self, raw: bytes) -> Command | None:
        """The command of a body in the order seen last; None: it has to be parsed."""
        order = self._last
        if order is None:
            return None
        try:
            found = order.match(raw.decode("ascii"))
        except UnicodeDecodeError:
            return None
        if found is None:
            return None
        values = found.groupdict()
        for name, check in order.checks:
            text = values[name]
            if text is not None:  # `null`, where the pattern accepts it
                values[name] = value = check(text)
                if value is None:
                    return None
        return self._kind(**values)

    def seen(self, body: object) -> None:
        """Note the order of the fields of a body that has become a command by the plan."""
        if not isinstance(body, dict) or not self._plan.required <= body.keys():
            return
        names = tuple(body)
        if names not in self._orders:
            if len(self._orders) >= ORDERS_MAX or not self._plan.fields.keys() >= body.keys():
                return
            self._orders[names] = self._order(names)
        self._last = self._orders[names]

    def _order(self, names: tuple[str, ...]) -> _Order:
        parts, checks = [], []
        for name in names:
            field = self._plan.fields[name]
            own, quote = Pattern("true|false", _FLAGS.get), ""
            if field.json_type is str:
                own, quote = self._patterns.get(field.check) or Pattern(_TEXT, field.check), '"'
            null = "|null" if field.may_be_null else ""
            parts.append(f'"{name}": ?(?:{quote}(?P<{name}>{own.text}){quote}{null})')
            if own.value is not None:
                checks.append((name, own.value))
        return _Order(re.compile(r"\{" + ", ?".join(parts) + r"\}").fullmatch, checks)

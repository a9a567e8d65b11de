"""Commands from bodies without a fault, without pydantic: the same rules, checked field by field.

    body --command_of--> the command, or None: the model (`api.http.models`) decides

Only a body that breaks no rule becomes a command here. For any other body, and for each type of
field without a rule here, the answer is None; the model then names the fault. So a body is never
accepted here that the model refuses, and no message is made twice.
"""

import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Union

import msgspec

from domain.shared.message import Command, Erased


class Rules(NamedTuple):
    """Checks of JSON values by type: each gives the field's value, or None if a rule is broken."""

    identifier: Callable[[str], str | None]
    text: Callable[[str], str | None]
    decimal: Callable[[str], Decimal | None]
    day: Callable[[str], date | None]
    instant: Callable[[str], datetime | None]


class _Field(NamedTuple):
    json_type: type
    check: Callable[[Any], Any]
    may_be_null: bool


class Plan(NamedTuple):
    """How the fields of one kind of command are read."""

    fields: Mapping[str, _Field]
    required: frozenset[str]


def command_of(kind: type[Command], body: object, plan: Plan) -> Command | None:
    """The command in a parsed JSON body; None: the model has to look at this body."""
    if type(body) is not dict or not plan.required <= body.keys():
        return None
    values: dict[str, Any] = {}
    for name, value in body.items():
        field = plan.fields.get(name)
        if field is None:
            return None
        json_type, check, may_be_null = field
        if value is None and may_be_null:
            values[name] = None
            continue
        found = check(value) if type(value) is json_type else None
        if found is None:
            return None
        values[name] = found
    return kind(**values)


def plan_of(kind: type[Command], rules: Rules) -> Plan:
    """The fields of a command that have a rule here; a body with another one is for the model."""
    hints = typing.get_type_hints(kind, include_extras=True)
    stated = msgspec.structs.fields(kind)
    found = {f.name: _field(hints[f.name], f.name, rules) for f in stated}
    fields = {name: field for name, field in found.items() if field is not None}
    return Plan(fields, frozenset(f.name for f in stated if f.required))


def _field(hint: Any, name: str, rules: Rules) -> _Field | None:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _field(arguments[0], name, rules)
    if origin in (Union, types.UnionType):
        kinds = [a for a in arguments if a not in (Erased, type(None))]  # Erased is never input
        field = _field(kinds[0], name, rules) if len(kinds) == 1 else None
        return field and field._replace(may_be_null=type(None) in arguments)
    check = _check(hint, name, rules)
    return check and _Field(bool if hint is bool else str, check, may_be_null=False)


def _check(hint: Any, name: str, rules: Rules) -> Callable[[Any], Any] | None:
    if hint is str:
        return rules.identifier if name == "id" or name.endswith("_id") else rules.text
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {str(member): member for member in hint}.get
    checks: dict[Any, Callable[[Any], Any]] = {
        Decimal: rules.decimal, date: rules.day, datetime: rules.instant, bool: _flag,
    }  # fmt: skip
    return checks.get(hint)


def _flag(value: bool) -> bool:
    return value

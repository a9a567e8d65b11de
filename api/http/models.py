"""Models of request bodies: one pydantic model per command, derived from its struct.

    msgspec Struct --model_of--> pydantic model --command_from--> the Struct, checked

A new command needs no line here. The rules are strict: decimals, dates and times are strings in
one format each, nothing is coerced or rounded, unknown fields are refused, and every text,
collection and number has a bound. A type without a rule here raises TypeError at its first use.
"""

import re
import types
import typing
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Annotated, Any, NamedTuple, Union

import msgspec
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    WithJsonSchema,
)
from pydantic import create_model as create
from pydantic_core import InitErrorDetails, PydanticCustomError

from api.http import strict_json
from api.http.plain_bodies import Pattern, PlainBodies
from api.http.plain_fields import Plan, Rules, command_of, plan_of
from api.http.texts import is_visible
from domain.catalogue import DECIDERS
from domain.shared.message import Command, Erased

DECIMAL = r"^-?\d{1,15}(\.\d{1,10})?$"
IDENTIFIER = r"^[A-Za-z0-9._-]{1,64}$"
DATE = r"^\d{4}-\d{2}-\d{2}$"
DATETIME = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})$"
YEARS = range(1900, 2200)  # for which calendars and date arithmetic are correct
TEXT_MAX = 1_000
ITEMS_MAX = 1_000
INTEGER_MAX = 2**31 - 1

EFFECTIVE_AT = "effective_at"
CONFIG = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, protected_namespaces=())


class Asked(NamedTuple):
    command: Command
    effective_at: datetime | None


def command_from(kind: type[Command], body: object) -> Asked:
    """The command in a parsed JSON body, with the effective time that the body states.

    Raises:
        pydantic.ValidationError: naming each field and the rule it breaks.
    """
    plain = command_of(kind, body, _plan(kind))
    if plain is not None:
        _check_stream(plain)
        return Asked(plain, None)
    at = None
    if _states_no_time(kind) and isinstance(body, dict) and EFFECTIVE_AT in body:
        at = _Timed.model_validate({EFFECTIVE_AT: body[EFFECTIVE_AT]}).effective_at
        body = {name: value for name, value in body.items() if name != EFFECTIVE_AT}
    stated = model_of(kind).model_validate(body).model_dump(mode="json", exclude_unset=True)
    if EFFECTIVE_AT not in kind.__struct_fields__ and (text := stated.pop(EFFECTIVE_AT, None)):
        at = datetime.fromisoformat(text)
    command = msgspec.convert(stated, type=kind)
    _check_stream(command)
    return Asked(command, at)


def command_from_text(kind: type[Command], raw: bytes) -> tuple[Command, datetime | None]:
    """The command in a JSON text, with the effective time that it states.

    Raises:
        ValueError: the body is not JSON (`api.http.strict_json`).
        pydantic.ValidationError: naming each field and the rule it breaks.
    """
    bodies = _bodies(kind)
    plain = bodies.command(raw)
    if plain is not None:
        _check_stream(plain)
        return plain, None
    body = strict_json.loads(raw)
    asked = command_from(kind, body)
    bodies.seen(body)
    return asked


def _check_stream(command: Command) -> None:
    """Require that the key of the command's stream is an id, whatever its field is called.

    Raises:
        pydantic.ValidationError: naming the field.
    """
    decider = DECIDERS.get(type(command))
    key = decider.key(command) if decider else "-"
    if not _is_identifier(key):
        fields = [f for f in command.__struct_fields__ if getattr(command, f) == key]
        wrong = InitErrorDetails(
            type=_broken("identifier", _IDENTIFIER_SAYS), loc=(*fields[:1],), input=None
        )
        raise ValidationError.from_exception_data(type(command).__name__, [wrong])


@cache
def _plan(kind: type[Command]) -> Plan:
    return plan_of(kind, _RULES)


@cache
def _bodies(kind: type[Command]) -> PlainBodies:
    """Reads plain bodies of this kind without a parser; the patterns accept less than `_RULES`."""
    return PlainBodies(
        kind,
        _plan(kind),
        {
            _RULES.identifier: Pattern(IDENTIFIER[1:-1], None),
            _RULES.text: Pattern(rf"[ !#-\[\]-~]{{0,{TEXT_MAX}}}", None),
            _RULES.decimal: Pattern(DECIMAL[1:-1].replace("(", "(?:"), Decimal),
        },
    )


@cache
def model_of(kind: type[Command]) -> type[BaseModel]:
    """The model of a command: its fields, and `effective_at` if the command may state a time."""
    if EFFECTIVE_AT in kind.__struct_fields__ or _states_no_time(kind):
        return _model(kind)
    return _model(kind, **{EFFECTIVE_AT: (_INSTANT | None, None)})


def _states_no_time(kind: type[Command]) -> bool:
    """Whether the handler refuses a command of this kind that states a time."""
    own = EFFECTIVE_AT in kind.__struct_fields__
    return not (own or kind.STATES_TIME or kind.INTERNAL)


@cache
def _nested(kind: type[msgspec.Struct]) -> type[BaseModel]:
    return _model(kind)


def _model(kind: type[msgspec.Struct], **extra: Any) -> type[BaseModel]:
    hints = _hints(kind)
    fields: dict[str, Any] = {
        f.name: (_typed(hints[f.name], f.name), _default(f)) for f in msgspec.structs.fields(kind)
    }
    doc = kind.__doc__ or f"{kind.__name__}."
    return create(kind.__name__, __config__=CONFIG, __doc__=doc, **fields, **extra)


def _hints(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {
        name: hint
        for name, hint in typing.get_type_hints(kind, include_extras=True).items()
        if name in kind.__struct_fields__
    }


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return Field(default_factory=field.default_factory)
    return ... if field.default is msgspec.NODEFAULT else field.default


def _typed(hint: Any, name: str = "") -> Any:
    """The pydantic type for a field's annotation; `name` distinguishes ids from other text.

    Raises:
        TypeError: there is no rule for this annotation.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _typed(arguments[0], name)
    if origin in (Union, types.UnionType):
        kept = [_typed(a, name) for a in arguments if a is not Erased]  # Erased is never input
        return Union[tuple(kept)]  # noqa: UP007 - built at run time
    if origin in (tuple, list) and arguments:
        listed = types.GenericAlias(tuple, (_typed(arguments[0], name), ...))
        return Annotated[listed, Field(max_length=ITEMS_MAX)]
    if origin is dict:
        keyed = types.GenericAlias(dict, (_LABEL, _typed(arguments[1])))
        return Annotated[keyed, Field(max_length=ITEMS_MAX)]
    return _plain(hint, name)


def _plain(hint: Any, name: str) -> Any:
    if hint is str:
        return _ID if name == "id" or name.endswith("_id") else _TEXT
    if hint in _SCALARS or hint is type(None):
        return _SCALARS.get(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _nested(hint)
    raise TypeError(f"no rule for input of type {hint!r} ({name})")


def _rule(name: str, says: str, check: Callable[[str], object | None], **schema: object) -> Any:
    """A validator of JSON strings: `check` returns the value, or None if the rule is broken."""

    def validate(value: object) -> object:
        result = check(value) if isinstance(value, str) else None
        if result is None:
            raise _broken(name, says)
        return result

    return BeforeValidator(validate), WithJsonSchema({"type": "string", **schema})


def _broken(name: str, says: str) -> PydanticCustomError:
    return PydanticCustomError(name, "must be {says}", {"says": says})


def _matching(pattern: str) -> Callable[[str], str | None]:
    found = re.compile(pattern, re.ASCII).fullmatch
    return lambda text: text if found(text) else None


def _decimal(text: str) -> Decimal | None:
    return Decimal(text) if _is_decimal(text) else None


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if _is_day(text) else None
    except ValueError:
        return None
    return day if day and day.year in YEARS else None


def _instant(text: str) -> datetime | None:
    """The time in UTC; its year must be one of `YEARS`, both as written and in UTC."""
    try:
        at = datetime.fromisoformat(text) if _is_instant(text) else None
    except ValueError:
        return None
    if at is None or at.year not in YEARS:
        return None
    utc = at.astimezone(UTC)
    return utc if utc.year in YEARS else None


def _text(limit: int) -> Callable[[str], str | None]:
    """Accept up to `limit` visible characters (`api.http.texts`)."""
    plain = re.compile(rf"[\t\n -~]{{0,{limit}}}").fullmatch  # ASCII that `is_visible` accepts
    return lambda text: text if plain(text) or (len(text) <= limit and is_visible(text)) else None


_is_decimal, _is_day, _is_instant = _matching(DECIMAL), _matching(DATE), _matching(DATETIME)
_is_identifier = _matching(IDENTIFIER)
_RULES = Rules(_is_identifier, _text(TEXT_MAX), _decimal, _day, _instant)
_SEEN = "text of characters that can be seen"
_IDENTIFIER_SAYS = "1 to 64 of A-Z a-z 0-9 . _ -"

_ID = Annotated[
    str,
    *_rule("identifier", _IDENTIFIER_SAYS, _is_identifier, pattern=IDENTIFIER),
]
_TEXT = Annotated[
    str,
    *_rule("text", f"{_SEEN}, at most {TEXT_MAX}", _text(TEXT_MAX), maxLength=TEXT_MAX),
]
_LABEL = Annotated[str, *_rule("label", f"{_SEEN}, at most 64", _text(64), maxLength=64)]
_DECIMAL = Annotated[
    Decimal, *_rule("decimal", f"a JSON string matching {DECIMAL}", _decimal, pattern=DECIMAL)
]
_DAY = Annotated[date, *_rule("date", "a date YYYY-MM-DD from 1900 to 2199", _day, format="date")]
_INSTANT = Annotated[
    datetime,
    *_rule("datetime", "an RFC 3339 time with zone, 1900 to 2199", _instant, format="date-time"),
]
_INTEGER = Annotated[int, Strict(), Field(ge=-INTEGER_MAX, le=INTEGER_MAX)]
_SCALARS: dict[Any, Any] = {
    Decimal: _DECIMAL,
    date: _DAY,
    datetime: _INSTANT,
    int: _INTEGER,
    bool: Annotated[bool, Strict()],
}


class _Timed(BaseModel):
    """Reads the time of a command that may not state one, so that the handler can refuse it."""

    model_config = CONFIG
    effective_at: _INSTANT | None = None

"""How a column stores free text and the states of aggregates."""

from typing import Any, Generic, TypeVar

from msgspec import Struct, json, structs

S = TypeVar("S", bound=Struct)
KNOWN_MAX = 4_096

_encode = json.Encoder(order="deterministic").encode


def clean(text: str) -> str:
    """Free text as a column can hold it: Postgres cannot store the character NUL."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def listed(items: Any) -> str:
    """A small list or mapping as JSON text."""
    return _encode(items).decode()


class Memory(Generic[S]):
    """An aggregate's state as the text of a column, so that a view folds with its `evolve`.

    The state machine then exists once, in the domain. Fields at their default are left out of
    the text. If the state's fields change, the view changes: raise the view's `VERSION`.
    """

    def __init__(self, initial: S) -> None:
        self._initial = initial
        self._decode = json.Decoder(type(initial)).decode
        self._fields = initial.__struct_fields__
        self._defaults = structs.astuple(type(initial)())
        self._known: dict[str, S] = {}  # the newest texts: most are needed again at once

    def state(self, text: str) -> S:
        """The state that `text` holds; the initial one for ""."""
        if not text:
            return self._initial
        known = self._known.get(text)
        return self._decode(text) if known is None else known

    def text(self, state: S) -> str:
        values = zip(self._fields, structs.astuple(state), self._defaults, strict=True)
        kept = {f: value for f, value, default in values if value is not default != value}
        text = _encode(kept).decode()
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[text] = state
        return text

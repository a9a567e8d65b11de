"""One view over one page, fact by fact in log order: finds the event that the view cannot fold.

`projections.engine.batch` folds row by row, which is faster, and calls this for a view that has
raised. The result covers the events before the one that failed.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from domain.shared.envelope import Envelope
from projections.ports import Key, Pause, Row, View

FACTS_SLICE = 1_024  # between two pauses

Load = Callable[[set[Key]], Awaitable[Mapping[Key, Row]]]
Touch = tuple[int, Key, Any]
"""(index of the event in the page, row key, fact)."""


class Folded(NamedTuple):
    rows: Mapping[Key, Row | None]
    last: Mapping[Key, int]  # index of the last event of each row
    loaded: Mapping[Key, Row]
    failed: int | None  # index of the event that the view cannot fold
    error: Exception | None


async def carefully(
    view: View, page: Sequence[Envelope], load: Load, pause: Pause | None
) -> Folded:
    """The rows after all events before the first that fails."""
    touched, failed, error = _facts(view, page)
    loaded = await load({key for _, key, _ in touched}) if touched else {}
    rows, last, unfolded, why = await _fold(view, touched, loaded, pause)
    if unfolded is not None:  # fold again, whole events only
        failed, error = unfolded, why
        whole = [touch for touch in touched if touch[0] < unfolded]
        rows, last, _, _ = await _fold(view, whole, loaded, pause)
    return Folded(rows, last, loaded, failed, error)


def _facts(
    view: View, page: Sequence[Envelope]
) -> tuple[list[Touch], int | None, Exception | None]:
    touched: list[Touch] = []
    for i, arrived in enumerate(page):
        if type(arrived.event) not in view.READS:
            continue
        try:
            touched += [(i, key, fact) for key, fact in view.facts(arrived)]
        except Exception as e:
            return touched, i, e
    return touched, None, None


async def _fold(
    view: View, touched: Sequence[Touch], loaded: Mapping[Key, Row], pause: Pause | None
) -> tuple[dict[Key, Row | None], dict[Key, int], int | None, Exception | None]:
    rows: dict[Key, Row | None] = dict(loaded)
    last: dict[Key, int] = {}
    for n, (i, key, fact) in enumerate(touched):
        if pause is not None and n % FACTS_SLICE == FACTS_SLICE - 1:
            await pause()
        try:
            rows[key] = view.fold(rows.get(key), key, fact)
        except Exception as e:
            return rows, last, i, e
        last[key] = i
    return rows, last, None, None

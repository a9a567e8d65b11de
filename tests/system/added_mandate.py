"""A test over a whole platform, for the copy of the tree with the steps of `docs/how-to-add.md`.

`test_how_to_add` copies it there; this tree has no mandates.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streams.sagas.timer import Timer
from tests.contract.http.edge import Edge, book, serving

TODAY = datetime.now(UTC)
ENDS_ON = (TODAY + timedelta(days=300)).date().isoformat()
TERMS = {"mandate_id": "M1", "account_id": "A1", "amount_max": "500", "currency": "USD"}
FIELDS = "id accountId amountMax currency endsOn status"
SHOWN = {"id": "M1", "accountId": "A1", "amountMax": "500.00", "currency": "USD"}
ACTIVE = SHOWN | {"endsOn": ENDS_ON, "status": "active"}


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with serving() as edge:
        book(edge, "A1", cash="0")
        yield edge


def mandate(edge: Edge, **moment: str) -> Any:
    given = "".join(f', {name}: "{value}"' for name, value in moment.items())
    return edge.data(f'{{ mandate(id: "M1"{given}) {{ {FIELDS} }} }}')["mandate"]


def test_a_command_in_gives_a_row_out_and_the_saga_ends_it(edge: Edge) -> None:
    none = edge.post("SetMandate", TERMS | {"account_id": "A2", "ends_on": ENDS_ON})
    assert none.status_code == 422 and "account_unknown" in none.text
    done = edge.did("SetMandate", TERMS | {"ends_on": ENDS_ON})
    assert mandate(edge, atLeast=str(done["position"])) == ACTIVE
    listed = edge.data(
        f'{{ mandates(accountId: "A1", status: "active") {{ nodes {{ {FIELDS} }} }} }}'
    )
    assert listed["mandates"]["nodes"] == [ACTIVE]

    timer = Timer(edge.platform.saga_store, edge.platform.dispatcher.submit_many)
    assert _soon(lambda: edge.run(timer.fire(TODAY + timedelta(days=400))) == 1)
    assert _soon(lambda: mandate(edge)["status"] == "ended")
    assert mandate(edge, knownAt=(TODAY - timedelta(days=1)).isoformat()) is None


def test_the_end_of_a_mandate_that_does_not_exist_is_refused(edge: Edge) -> None:
    answer = edge.post("EndMandate", {"mandate_id": "M9"})
    assert answer.status_code == 422 and "mandate_unknown" in answer.text


def _soon(holds: Any) -> bool:
    """Whether `holds` becomes true within 30 s: views and sagas follow the log with a delay."""
    until = time.monotonic() + 30
    while not (held := holds()) and time.monotonic() < until:
        time.sleep(0.1)
    return bool(held)

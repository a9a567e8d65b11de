"""Which messages of the log are never forgotten."""

from types import SimpleNamespace
from typing import Any

import pytest

from adapters.proof.audit_messages import kept_for_ever


@pytest.mark.parametrize(("name", "kept"), [("client.erased", True), ("client.blocked", False)])
def test_the_message_of_an_erasure_is_kept_for_ever_as_its_sender_asks(
    name: str, kept: bool
) -> None:
    meta: Any = SimpleNamespace(
        name=name, message_id="erase|1", causation_id="", correlation_id="", stream="client-C1"
    )
    assert kept_for_ever(meta) is kept

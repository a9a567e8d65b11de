"""The client under whose key a stored event is sealed, found from its bytes alone."""

import json

import pytest

from adapters.log.codec import PERSONAL_FIELDS, is_sealed, sealed_for
from tests.paths import GOLDEN

FOLDER = GOLDEN / "events"
SAMPLES = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]


@pytest.mark.parametrize("held", SAMPLES, ids=lambda held: f"{held['name']}.v{held['version']}")
def test_every_sealed_sample_names_its_subject_and_every_other_none(held: dict[str, str]) -> None:
    payload = held["payload"].encode()
    sealed = any(is_sealed(value) for value in json.loads(payload).values())
    found = sealed_for(held["name"], int(held["version"]), payload)
    assert (found is not None) == sealed
    assert found != ""


def test_there_are_samples_of_both_kinds() -> None:
    assert any(PERSONAL_FIELDS.values()) and not all(PERSONAL_FIELDS.values())

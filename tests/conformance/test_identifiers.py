"""Real identifiers are accepted, near misses are refused."""

import pytest

from domain.shared import identifiers
from tests.conformance.identifiers import CASES, Case

CHECKS = {
    "id": identifiers.is_id,
    "isin": identifiers.is_isin,
    "lei": identifiers.is_lei,
    "mic": identifiers.is_mic,
    "country": identifiers.is_country,
    "iban": identifiers.is_iban,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.why}")
def test_an_identifier_is_distinguished_from_a_near_miss(case: Case) -> None:
    assert CHECKS[case.kind](case.text) is case.valid

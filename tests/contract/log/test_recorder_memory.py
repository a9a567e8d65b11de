"""The contract over memory, and the library's own cases over the library's recorder inside."""

import pytest

from adapters.memory.recorder import MemoryRecorder
from tests.contract.log.recorder_suite import *  # noqa: F403


@pytest.fixture
def recorder() -> MemoryRecorder:
    return MemoryRecorder()

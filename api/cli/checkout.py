"""Finds the programs of the source tree that `tidemark bench` and `conformance` start.

An installed package has no `tests` folder, so there both verbs end with one line that names the
reason. No other module of the product may refer to a module of `tests` (docs/adr/0037).
"""

from importlib import import_module
from pathlib import Path
from typing import Any

from api.cli import UsageError

ROOT = Path(__file__).parents[2]
TESTS = "tests"


def folder(name: str) -> Path:
    """The path of a folder of the tests.

    Raises:
        UsageError: this is no source tree.
    """
    found = ROOT / TESTS / name
    if not found.is_dir():
        raise UsageError(f"{TESTS}/{name} is part of the source tree, not of the installed package")
    return found


def module(part: str, name: str) -> Any:
    """Import a module of such a folder.

    Raises:
        UsageError: this is no source tree, or the module needs a library that is not installed.
    """
    folder(part)
    try:
        return import_module(f"{TESTS}.{part}.{name}")
    except ModuleNotFoundError as e:
        raise UsageError(f"{TESTS}/{part}/{name}: {e}; it needs `make setup`") from e

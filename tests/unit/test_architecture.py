"""The shape of the code base, checked like any other behaviour."""

import ast
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LINES_MAX = {"file": 400, "function": 40}
DOMAIN_MAY_IMPORT = sys.stdlib_module_names - {
    "asyncio", "logging", "os", "random", "secrets", "socket", "subprocess", "threading", "time",
    "uuid",
} | {"domain", "msgspec", "stdnum"}  # fmt: skip
LAYERS = ("domain", "commands", "projections", "sagas", "adapters", "streams", "api")

sources = sorted(p for name in LAYERS for p in (ROOT / name).rglob("*.py"))


def test_every_package_is_under_contract() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = sorted(p.parent.name for p in ROOT.glob("*/__init__.py") if p.parent.name != "tests")
    assert sorted(config["tool"]["importlinter"]["root_packages"]) == found
    assert sorted(config["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == found


@pytest.mark.parametrize("path", sources, ids=lambda p: str(p.relative_to(ROOT)))
def test_fits_on_a_page(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= LINES_MAX["file"]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < LINES_MAX["function"], node.name


@pytest.mark.parametrize(
    "path", sorted((ROOT / "domain").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_the_domain_cannot_see_the_world(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                found = {n.name.split(".")[0] for n in names}
            case ast.ImportFrom(module=str(module)):
                found = {module.split(".")[0]}
            case _:
                continue
        assert found <= DOMAIN_MAY_IMPORT, path


def test_no_clock_is_read_in_the_core() -> None:
    for layer in ("domain", "commands", "projections", "sagas"):
        for path in (ROOT / layer).rglob("*.py"):
            text = path.read_text()
            for word in (".now(", ".today(", "utcnow("):
                assert word not in text, f"{path}: {word}"

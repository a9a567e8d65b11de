"""The shape of the code base, checked like any other behaviour."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from domain.catalogue import AGGREGATES
from projections.catalogue import VIEWS
from sagas.catalogue import SAGAS
from tests.paths import ROOT

LINES_MAX = {"file": 400, "function": 40}
DOMAIN_MAY_IMPORT = sys.stdlib_module_names - {
    "asyncio", "logging", "os", "random", "secrets", "socket", "subprocess", "threading", "time",
    "uuid",
} | {"domain", "msgspec", "stdnum"}  # fmt: skip
LAYERS = (
    "domain", "commands", "projections", "sagas", "adapters", "streams", "simulation", "api",
)  # fmt: skip
ADAPTERS = {
    "port": {"log", "bus", "cache", "warehouse", "counterparties", "reads"},
    "technology": {"postgres", "eventstoredb", "kafka", "clickhouse", "redis", "fix"},
    "service": {"dispatch", "proof", "operations"},
    "host": {
        *("host", "market", "memory", "simulators", "street", "settings", "settings_error"),
        "wiring",
    },
}
"""What each package of `adapters` is. A new one is listed here, and a technology in the contracts
of pyproject.toml."""

UPWARD = (
    {"domain"}, {"commands", "projections", "sagas"}, {"adapters"}, {"streams"}, {"simulation"},
    {"api"}, {"tests", "scripts"},
)  # fmt: skip
"""The layers from below; what is no part of the product is above all."""
LAYER = "|".join(sorted(set().union(*UPWARD)))
MODULE = re.compile(rf"(?:^|\b(?:from|import)\s+)({LAYER})\.(\w+)")
"""A module's name at the beginning of a string, or in code that imports it."""

SOURCES = sorted(p for name in LAYERS for p in (ROOT / name).rglob("*.py"))
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_is_under_contract() -> None:
    found = sorted(p.parent.name for p in ROOT.glob("*/__init__.py") if p.parent.name != "tests")
    assert sorted(CONFIG["tool"]["importlinter"]["root_packages"]) == found
    assert sorted(CONFIG["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == found
    assert sorted(LAYERS) == found


def test_every_package_of_adapters_is_listed_as_what_it_is() -> None:
    listed = [name for names in ADAPTERS.values() for name in names]
    assert sorted(listed) == sorted(_children(ROOT / "adapters"))
    contracts = CONFIG["tool"]["importlinter"]["contracts"]
    walled = next(c for c in contracts if c["name"].startswith("Technologies are met"))
    apart = next(c for c in contracts if c["name"].startswith("Technologies are strangers"))
    wanted = sorted(f"adapters.{name}" for name in ADAPTERS["technology"])
    assert sorted(walled["protected_modules"]) == wanted
    assert sorted(apart["modules"]) == wanted


def test_every_file_fits_on_a_page_and_every_function_on_a_screen() -> None:
    long = []
    for path in SOURCES:
        text = path.read_text()
        if text.count("\n") > LINES_MAX["file"]:
            long.append(str(path))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                if node.end_lineno - node.lineno >= LINES_MAX["function"]:
                    long.append(f"{path}: {node.name}")
    assert not long


def test_the_domain_cannot_see_the_world() -> None:
    seen = {
        (str(path), module)
        for path in (ROOT / "domain").rglob("*.py")
        for module in _imports(path)
        if module.split(".")[0] not in DOMAIN_MAY_IMPORT
    }
    assert not seen


def test_aggregates_are_strangers_to_each_other() -> None:
    """They share `domain.shared` and `domain.rules`; only the ledger knows several of them."""
    names = [aggregate.__name__ for aggregate in AGGREGATES]
    assert not _acquainted(names, may=("domain.shared", "domain.rules"))
    rooms = {name.removeprefix("domain.") for name in names}
    assert set(_children(ROOT / "domain")) == rooms | {"shared", "rules", "ledger", "catalogue"}


def test_sagas_are_strangers_to_each_other() -> None:
    names = [saga.__name__ for saga in SAGAS]
    assert not _acquainted(names, may=("sagas.engine", "sagas.order_fold"), of="sagas")


def test_views_are_strangers_to_each_other() -> None:
    names = [view.__name__ for view in VIEWS if isinstance(view, ModuleType)]
    assert len(names) == len(VIEWS)
    may = ("projections.engine", "projections.ports")
    assert not _acquainted(names, may=may, of="projections")


def test_no_clock_is_read_in_the_core() -> None:
    for layer in ("domain", "commands", "projections", "sagas"):
        for path in (ROOT / layer).rglob("*.py"):
            text = path.read_text()
            for word in (".now(", ".today(", "utcnow("):
                assert word not in text, f"{path}: {word}"


def test_only_a_verb_sets_the_garbage_collector_of_the_process() -> None:
    wanted = {"adapters.host.gc_settings", "adapters.wiring.platform.open_platform"}
    found = {
        str(path.relative_to(ROOT)): sorted(wanted.intersection(_imports(path)))
        for path in SOURCES
        if wanted.intersection(_imports(path))
    }
    own_processes = ("api/cli/opening.py", "adapters/wiring/fold_process.py")
    assert found == dict.fromkeys(own_processes, sorted(wanted))


def test_no_string_names_a_layer_above_its_own() -> None:
    """A module that is named in a string (`-m`, `-c`, import by name) escapes the contracts."""
    rank = {name: at for at, names in enumerate(UPWARD) for name in names}
    found = []
    for path in SOURCES:
        own = rank[path.relative_to(ROOT).parts[0]]
        for text in _strings(path):
            named = [(layer, ROOT / layer / child) for layer, child in MODULE.findall(text)]
            above = [
                layer
                for layer, place in named
                if rank[layer] > own and (place.is_dir() or place.with_suffix(".py").exists())
            ]
            if above and path != ROOT / "api" / "cli" / "checkout.py":
                found.append(f"{path}: {text!r}")
    assert not found


def test_modules_are_imported_by_name_in_two_places_alone() -> None:
    """The command line's table of verbs, and the two verbs of the source tree (ADR 0037)."""
    by_name = {"importlib", "importlib.import_module", "runpy", "runpy.run_module"}
    found = {
        str(path.relative_to(ROOT)) for path in SOURCES if by_name.intersection(_imports(path))
    }
    assert found == {"api/cli/__init__.py", "api/cli/checkout.py"}


def _strings(path: Path) -> Iterator[str]:
    """The string constants of a file, without docstrings."""
    tree = ast.parse(path.read_text())
    loose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in loose:
            yield node.value


def _children(folder: Path) -> list[str]:
    """Names of the modules and packages in a package."""
    return [
        path.stem
        for path in folder.iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    ]


def _acquainted(names: list[str], *, may: tuple[str, ...], of: str = "domain") -> list[str]:
    """Imports by these modules from their own layer, of what is neither theirs nor in `may`."""
    found = []
    for name in names:
        place = ROOT / Path(*name.split("."))
        for path in place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]:
            for module in _imports(path):
                inside = module.startswith((name + ".", *may)) or module == name
                if module.split(".")[0] == of and not inside:
                    found.append(f"{path}: {module}")
    return found


def _imports(path: Path) -> Iterator[str]:
    """Every module that a file imports; `from a import b` counts as a.b, since b may be one."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield from (f"{module}.{name.name}" for name in names)

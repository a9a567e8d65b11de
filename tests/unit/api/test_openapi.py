"""The OpenAPI document follows from the code alone, so an installed package has the same one."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from api.http import openapi, wire
from api.http.commands import PUBLIC
from domain.catalogue import SETTLED
from domain.order.commands import PlaceOrder
from tests.paths import ROOT

WRITE = """
import sys
import api
from api.http import openapi, wire
assert api.__file__.startswith(sys.argv[1]), api.__file__
sys.stdout.buffer.write(wire.dump(openapi.document()))
"""


def operation(name: str) -> dict[str, Any]:
    found: dict[str, Any] = openapi.document()["paths"][f"/commands/{name}"]["post"]
    return found


def refusals(name: str) -> list[str]:
    refused = operation(name)["responses"]["422"]["content"]["application/problem+json"]
    names: list[str] = refused["schema"]["allOf"][1]["properties"]["type"]["enum"]
    return names


def test_an_image_without_docs_has_the_checkouts_document(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=without)
    ran = subprocess.run(
        [sys.executable, "-c", WRITE, str(tmp_path)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    assert ran.stdout == wire.dump(openapi.document())


def test_only_names_of_refusals_are_listed() -> None:
    assert "instrument_delisted" in refusals("ResumeInstrument")
    assert "house_unknown" not in refusals("FundHouse")
    assert "(with" not in refusals("WithdrawCash")
    assert "client_erased" in refusals("WithdrawCash")


def test_the_header_that_waits_is_shown_where_the_aggregate_offers_it() -> None:
    waiting = {
        name for name in PUBLIC if any(p["name"] == "Prefer" for p in operation(name)["parameters"])
    }
    assert waiting == {kind.__name__ for kind in SETTLED} == {PlaceOrder.__name__}

"""The table of tampering: each change that a forger with all rights can make to a log.

One small simulated log is the template. For every case a forger changes a copy of it, and then
`log verify`, `replay` and an outside witness check the copy. `docs/operations.md` has the
table for people.
"""

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psycopg
import pytest

from adapters.operations import schema_audit
from adapters.postgres.embedded import EmbeddedPostgres
from adapters.proof.log_audit import Known, verify
from adapters.proof.witness import Witness
from adapters.settings import Settings
from adapters.wiring.platform import Platform, open_platform
from commands.ports import Head
from domain.catalogue import CATEGORIES
from domain.checkpoint import STREAM
from streams.proof import street_audit
from streams.proof.proving import prove
from tests.contract.proof.forger import Forger
from tests.contract.proof.tamper_cases import CASES
from tests.contract.proof.tamper_rows import ROWS
from tests.contract.proof.tampers import A, B, Case, Facts, Scene
from tests.system.processes import Simulated, copied, folder

pytestmark = pytest.mark.slow

HONEST = Case("nothing", lambda scene: None, witness="")
"""Every check is run, and none finds anything."""


class Template(NamedTuple):
    """The honest log: its server, its keys, and the record that an outside witness keeps."""

    server: str  # URL of its database; no test changes it
    keys: Path
    witness: Witness


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait: no trade is under way here, so an entry unknown to the log stays unknown."""
    monkeypatch.setattr(street_audit, "PAUSE_S", 0.0)


@pytest.fixture(scope="module")
def template(simulated: Simulated) -> Iterator[Template]:
    with folder() as place:
        data_dir = copied(simulated.data_dir, place / "d")
        server = EmbeddedPostgres(data_dir / "postgres", settings={"fsync": "off"})
        url = server.start()
        try:
            witness = asyncio.run(_prepared(url, data_dir))
            made = url.replace("/postgres?", "/template1?")
            with psycopg.connect(made, autocommit=True) as connection:
                connection.execute("create database honest template postgres")
            yield Template(made, data_dir / "keys", witness)
        finally:
            server.stop()


async def _prepared(url: str, data_dir: Path) -> Witness:
    """Take snapshots of two accounts, as a writer does for long streams; the honest witness."""
    async with await _opened(url, data_dir) as platform:
        states = {}
        for stream in (A, B):
            found = await platform.log.select(stream)
            decider = CATEGORIES["account"]
            folded = reduce(decider.evolve, [e.event for e in found], decider.INITIAL)
            states[stream] = (Head(found[-1].version, found[-1].hash), folded)
        await platform.log.snapshot(states)
        result = await _said(platform, schema_audit.faults(url, "log"))
        assert result["ok"], result["faults"]
        return msgspec.convert(result["witness"], Witness)


async def _opened(url: str, data_dir: Path) -> Platform:
    settings = Settings.read(log=url, data_dir=data_dir)
    return await open_platform(settings, verb="log verify", exclusive=False)


async def _said(
    platform: Platform, schema: Sequence[str], witnesses: tuple[Witness, ...] = ()
) -> dict[str, Any]:
    known = Known(kept=platform.memory.last(), witnesses=witnesses)
    return await verify(
        platform.log, platform.verifier, known=known, keys=platform.keys, schema=schema
    )


@pytest.fixture
def scene(template: Template, tmp_path: Path) -> Iterator[Scene]:
    """A copy of the honest log, keys and all."""
    name = f"case_{tmp_path.name.replace('-', '_')}".lower()[:60]
    with psycopg.connect(template.server, autocommit=True) as connection:
        connection.execute(f'create database "{name}" template honest'.encode())
        shutil.copytree(template.keys, tmp_path / "d" / "keys")
        forger = Forger(template.server.replace("/template1?", f"/{name}?"))
        try:
            yield Scene(forger, tmp_path / "d" / "keys", _facts(forger))
        finally:
            forger.close()
            connection.execute(f'drop database "{name}" with (force)'.encode())


def _facts(forger: Forger) -> Facts:
    deposits = forger.execute(
        "select version from log.events where stream = %s and name = 'cash.deposited' "
        "order by version", A,
    )  # fmt: skip
    [[last]] = forger.execute("select max(position) from log.events")
    [[order]] = forger.execute(
        "select stream from log.events where name = 'order.placed' order by position limit 1"
    )
    tail = forger.rows(STREAM)[4][0]
    return Facts(deposits[-1][0], order, last // 2, last, tail)


class Found(NamedTuple):
    verify: list[str]
    replay: list[str]  # views and sagas that differ
    witness: list[str]


async def _found(scene: Scene, witness: Witness, case: Case = HONEST) -> Found:
    """What each check finds; those that the case leaves unchecked ("?") are not run."""
    async with await _opened(scene.forger.url, scene.keys.parent) as platform:
        schema = schema_audit.faults(platform.log_url, "log")
        verified = _told(await _said(platform, schema))
        differ = await _differ(platform) if case.replay != "?" else []
        attested = []
        if case.witness != "?":
            attested = _told(await _said(platform, schema, (witness,)))
    return Found(verified, differ, attested)


async def _differ(platform: Platform) -> list[str]:
    try:
        proof = await prove(platform)
    except Exception as e:  # a fold that fails is a finding, too
        return [f"{type(e).__name__}: {e}"]
    differ = [f"{v.live.view}: {v.faults}" for v in proof.views if not v.equal]
    differ += [f"{k.name}: {k.differences}" for k in proof.kept if not k.equal]
    return differ + [f"schema: {wrong}" for wrong in proof.schema]


def _told(found: dict[str, Any]) -> list[str]:
    assert found["ok"] == (not found["faults"])
    assert (found["witness"] is None) == bool(found["faults"])
    return [f"{f['stream']}@{f['version']}: {f['fault']}" for f in found["faults"]]


def expect(faults: list[str], part: str) -> None:
    if not part:
        assert faults == []
    elif part != "?":
        assert any(part in one for one in faults), faults


@pytest.mark.parametrize("case", (*CASES, *ROWS), ids=lambda case: case.name)
async def test_tampering_is_found_by_the_checks_that_the_table_names(
    case: Case, scene: Scene, template: Template
) -> None:
    case.does(scene)
    found = await _found(scene, template.witness, case)
    expect(found.verify, case.verify)
    expect(found.replay, case.replay)
    expect(found.witness, case.witness)


async def test_the_honest_log_is_content_with_all_of_it(scene: Scene, template: Template) -> None:
    assert await _found(scene, template.witness) == Found([], [], [])


async def test_the_committed_times_of_the_log_are_under_its_checkpoints(
    scene: Scene, template: Template
) -> None:
    """The Merkle root alone finds a changed time, without the other checks of the clock."""
    scene.forger.execute(
        "update log.events set committed_at = %s where position = 5",
        scene.forger.execute("select committed_at from log.events where position = 5")[0][0]
        + timedelta(microseconds=1),
    )
    assert any("Merkle root" in one for one in (await _found(scene, template.witness)).verify)

"""Every payload that was ever stored can still be read, with the same meaning."""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.host.entropy import SeededEntropy
from adapters.log.codec import PERSONAL_FIELDS, Codec, plain_json
from adapters.log.keys import MemoryKeyStore
from adapters.log.upcasts import SEALED
from domain.catalogue import CATEGORIES, EVENTS
from domain.shared.message import Erased
from tests.every import every
from tests.golden import samples as golden_events

FILES = sorted(golden_events.FOLDER.glob("*.json"))


def held(path: Path) -> tuple[str, int, bytes, dict[str, Any]]:
    file = json.loads(path.read_text())
    return file["name"], file["version"], file["payload"].encode(), file["reads"]


def test_every_version_of_every_event_has_a_sample() -> None:
    every(EVENTS, has_samples)


def has_samples(name: str) -> None:
    for version in range(1, EVENTS[name].VERSION + 1):
        path = golden_events.file_of(name, version)
        assert path.exists(), f"{path.name} is missing: python -m tests.golden.samples"


def test_no_sample_belongs_to_an_event_that_this_build_cannot_read() -> None:
    for path in FILES:
        name, version, _, _ = held(path)
        assert path == golden_events.file_of(name, version)
        assert name in EVENTS, f"{name} was released: logs hold it, it cannot go"
        assert version <= EVENTS[name].VERSION


def test_a_stored_payload_reads_as_it_did() -> None:
    every(FILES, reads_as_it_did)


def reads_as_it_did(path: Path) -> None:
    name, version, payload, reads = held(path)
    event = golden_events.codec().decode(name, version, payload)
    assert isinstance(event, EVENTS[name])
    assert json.loads(plain_json(event)) == reads, (
        f"{path.name} now means something else: a released event is never changed, only upcast "
        "(a change of `reads` for an older version must say why)"
    )


def test_what_was_read_is_written_to_be_read_the_same() -> None:
    every(FILES, is_written_to_be_read_the_same)


def is_written_to_be_read_the_same(path: Path) -> None:
    name, version, payload, _ = held(path)
    codec = golden_events.codec()
    event = codec.decode(name, version, payload)
    now, schema, again = codec.encode(event, label=f"golden:{name}")
    assert (now, schema) == (name, EVENTS[name].VERSION)
    assert codec.decode(now, schema, again) == event


def test_personal_fields_lie_sealed_and_read_as_erased_without_the_key() -> None:
    every(FILES, lies_sealed)


def lies_sealed(path: Path) -> None:
    name, version, payload, _ = held(path)
    raw = json.loads(payload)
    entropy = SeededEntropy(golden_events.SEED)
    keyless = Codec(MemoryKeyStore(entropy), entropy).decode(name, version, payload)
    whole = golden_events.codec().decode(name, version, payload)
    seals = SEALED.get((name, version))
    sealed = PERSONAL_FIELDS[name] if seals is None else seals.fields
    for field in type(whole).__struct_fields__:
        if field in sealed:
            assert raw[field].startswith("aes-gcm:"), field
            assert isinstance(getattr(keyless, field), Erased), field
            assert not isinstance(getattr(whole, field), Erased), field
        else:
            assert getattr(keyless, field) == getattr(whole, field), field


def test_a_sample_sets_every_field() -> None:
    for name, kind in EVENTS.items():
        event = golden_events.sample(kind)
        for field in msgspec.structs.fields(kind):
            default = None if field.required else field.default
            assert getattr(event, field.name) != default, f"{name}: {field.name}"


def test_every_aggregate_has_its_events_in_the_catalogue() -> None:
    named = {str(e.__struct_config__.tag) for a in CATEGORIES.values() for e in a.EVENTS}
    assert named == set(EVENTS)


def test_the_script_adds_what_is_missing_and_rewrites_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golden_events, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", ["golden_events.py"])
    golden_events.main()
    assert {p.name for p in tmp_path.iterdir()} >= {
        f"{n}.v{k.VERSION}.json" for n, k in EVENTS.items()
    }
    kept, lost = tmp_path / "price.marked.v1.json", tmp_path / "fx.fixed.v1.json"
    kept.write_text("as it was")
    content = lost.read_text()
    lost.unlink()
    golden_events.main()
    assert kept.read_text() == "as it was"
    assert lost.read_text() == content  # the same sample every time
    monkeypatch.setattr(sys, "argv", ["golden_events.py", "--force"])
    golden_events.main()
    assert kept.read_text() != "as it was"

"""The verbs that need the source tree work in it, and name the reason where it is not."""

from pathlib import Path

import pytest

from api.cli import UsageError, bench, checkout, main


def test_every_benchmark_is_in_the_source_tree() -> None:
    for name in bench.NAMES:
        assert (checkout.folder("bench") / f"{name.replace('-', '_')}.py").is_file(), name


@pytest.mark.parametrize("words", [("conformance",), ("bench", "append")])
def test_an_installed_package_names_the_reason(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    assert main(words) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"tidemark: tests/{words[0]} is part of the source tree"), last


def test_a_library_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"tests/bench/nothing: No module named"):
        checkout.module("bench", "nothing")

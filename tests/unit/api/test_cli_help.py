"""`tidemark --help` for users: it explains every verb and every option, and starts fast."""

import argparse
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest

from api.cli import VERBS, _verb_of, main, parser
from api.cli.simulate import cut_short, spec_of
from tests.paths import ROOT

HEAVY = ("pyarrow", "strawberry", "faust", "grpc", "numpy", "clickhouse_connect", "psycopg", "rich")


def parsers(made: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, argparse.Action]]:
    """Every option and argument, of sub-verbs too."""
    for action in made._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {c.dest: c.help for c in action._choices_actions}
            for verb, inner in action.choices.items():
                assert helps.get(verb), f"{name} {verb} is not explained"
                yield from parsers(inner, f"{name} {verb}")
        else:
            yield name, action


def words_of(made: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parser, those of its verbs, and those of their sub-verbs."""
    yield made
    for action in made._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from words_of(inner)


WHOLE = parser()
EXPLAINED = {made.prog: made for made in words_of(WHOLE) if made is not WHOLE}


def test_every_verb_and_every_option_is_explained() -> None:
    for name, action in parsers(parser(), "tidemark"):
        assert action.help, f"{name}: {action.option_strings or action.dest}"


@pytest.mark.parametrize("name", EXPLAINED)
def test_the_help_of_every_word_says_in_sentences_what_it_is_for(name: str) -> None:
    about = (EXPLAINED[name].description or "").strip()
    assert re.match(r"[A-Z`]", about) and about.endswith("."), f"{name}: {about!r}"
    assert len(about.split()) >= 8, f"{name}: {about!r}"
    assert max(map(len, about.splitlines())) <= 100


@pytest.mark.parametrize("name", EXPLAINED)
def test_the_help_of_every_word_has_an_example_of_it_that_is_understood(name: str) -> None:
    examples = [line.strip() for line in (EXPLAINED[name].epilog or "").splitlines()]
    found = [re.split(r" {2,}| [<>]", line)[0] for line in examples if line.startswith("tidemark ")]
    assert any(f"{line} ".startswith(f"{_bare(name)} ") for line in found), f"{name}: {found}"
    for line in found:
        assert WHOLE.parse_args(shlex.split(line)[1:]).run, line


def _bare(name: str) -> str:
    """`tidemark relay dead list`, without the arguments that argparse puts between its words."""
    return " ".join(word for word in name.split() if word.isalpha() and word.islower())


@pytest.mark.parametrize(
    ("last", "line"),
    [
        ("2022-12-28", ""),
        ("2022-06-30", ""),
        ("2022-12-29", "--to 2022-12-29 is cut to 2022-12-28: the prices end on that day"),
        ("2023-01-28", "--to 2023-01-28 is cut to 2022-12-28: the prices end on that day"),
    ],
)
def test_a_run_beyond_the_prices_prints_its_last_day(last: str, line: str) -> None:
    words = ["simulate", "--from", "2022-01-03", "--to", last, "--data-dir", "nowhere"]
    assert cut_short(spec_of(WHOLE.parse_args(words))) == line


def test_every_verb_has_its_module_and_every_module_its_line() -> None:
    verbs = next(a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    assert list(verbs.choices) == list(VERBS)


@pytest.mark.parametrize("words", [[], *([v] for v in VERBS), ["log", "tail"], ["relay", "dead"]])
def test_help_is_shown_and_ends_well(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*words, "--help"])
    assert end.value.code == 0
    assert " ".join(["usage: tidemark", *words]) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "verb"),
    [
        (["serve", "--port", "0"], "serve"),
        (["--data-dir", "log", "serve"], "serve"),
        (["--data-dir=x", "--json", "log", "tail", "-n", "3"], "log"),
        (["--help"], ""),
        (["nothing"], ""),
        ([], ""),
    ],
)
def test_the_verb_is_found_at_any_place(words: list[str], verb: str) -> None:
    assert _verb_of(words) == verb


def test_a_verb_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["server"])
    assert end.value.code == 2
    assert "'server'" in capsys.readouterr().err


def test_help_imports_no_technology() -> None:
    code = (
        "import sys, json\nfrom api.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stderr))
    assert not loaded & set(HEAVY)
    assert len(loaded) < 600

"""`docs/how-to-add.md` is correct: its blocks, applied to a copy of the tree, pass all checks."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.paths import DOCS, ROOT

PAGE = DOCS / "how-to-add.md"
BLOCK = re.compile(r"(New file|In) `([^`]+)`:\n\n```(?:python|diff)\n(.*?)^```$", re.S | re.M)
EDITS_MAX = 5
DEFINITIONS = "adapters/postgres/migrations/definitions.txt"
GENERATED = {"docs/events/README.md", "docs/schema.graphql", DEFINITIONS}
"""Existing files that `make docs` changes."""

NOT_COPIED = (".git", ".venv", ".uv", ".*_cache", ".hypothesis", ".schemathesis", "__pycache__")
END_TO_END = "tests/contract/http/test_mandate.py"
CHECKS = (
    "tests/unit/test_architecture.py",
    "tests/unit/test_docs.py",
    "tests/golden",
    "tests/unit/projections/test_vocabulary.py",
    "tests/unit/projections/test_view_reads.py",
    "tests/unit/projections/test_view_audiences.py",
    "tests/unit/adapters/test_sealed_texts.py",
    "tests/unit/domain/test_mandate.py",
    "tests/unit/domain/test_stated_dates.py",
    "tests/unit/sagas/test_mandate.py",
    END_TO_END,
)

pytestmark = pytest.mark.slow


class Step(NamedTuple):
    path: str
    new: bool
    text: str


class Tree:
    """A copy of the source tree, and the files added and edited in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.added, self.edited = folder, set[str](), set[str]()

    def do(self, step: Step) -> None:
        path = self.folder / step.path
        if step.new:
            assert not path.exists(), f"{step.path} is there already"
            path.write_text(step.text)
            self.added.add(step.path)
            return
        lines = step.text.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        before = path.read_text()
        assert before.count(old) == 1, f"{step.path} has not once:\n{old}"
        path.write_text(before.replace(old, new))
        self.edited.add(step.path)

    def run(self, *words: str) -> str:
        """Run a Python module in the copy; returns its output.

        Raises:
            AssertionError: it failed.
        """
        env = os.environ | {"PYTHONPATH": str(self.folder)}
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, f"{words}\n{done.stdout[-8_000:]}{done.stderr[-4_000:]}"
        return done.stdout

    def changed(self) -> set[str]:
        """Files of the original that differ in the copy."""
        return {
            name
            for path in ROOT.rglob("*")
            if path.is_file()
            and "__pycache__" not in path.parts
            and (copy := self.folder / (name := path.relative_to(ROOT).as_posix())).exists()
            and copy.read_bytes() != path.read_bytes()
        }


def steps() -> list[Step]:
    """The page's steps, in order."""
    found = BLOCK.finditer(PAGE.read_text())
    return [Step(m[2], m[1] == "New file", m[3]) for m in found]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    """The copy, after every step of the page and `make docs`."""
    folder = tmp_path_factory.mktemp("added") / "tree"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_COPIED))
    made = Tree(folder)
    for step in steps():
        made.do(step)
    for line in re.findall(r"^docs:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M):
        for command in line.strip().splitlines():
            words = command.removeprefix("\t").removeprefix("@$(PY) ").split()
            module = words[0].removesuffix(".py").replace("/", ".")
            made.run(*(words[1:] if module == "-m" else [module, *words[1:]]))
    shutil.copy(ROOT / "tests" / "system" / "added_mandate.py", folder / END_TO_END)
    yield made
    shutil.rmtree(folder)


def test_every_block_of_the_page_is_a_step() -> None:
    assert PAGE.read_text().count("```") == 2 * len(steps())
    assert {step.path for step in steps() if not step.new} >= {"domain/catalogue.py"}


def test_an_addition_edits_five_files_at_most(tree: Tree) -> None:
    assert len(tree.edited) <= EDITS_MAX, tree.edited
    assert tree.changed() == tree.edited | GENERATED


def test_what_the_page_adds_is_clean(tree: Tree) -> None:
    code = sorted(path for path in tree.added | tree.edited if path.endswith(".py"))
    tree.run("ruff", "format", "--check", *code)
    tree.run("ruff", "check", *code)


def test_graphql_and_the_page_of_events_have_the_addition(tree: Tree) -> None:
    sdl = (tree.folder / "docs" / "schema.graphql").read_text()
    assert re.search(r"^  mandate\(id: ID!, asOf: DateTime = null.*\): Mandate$", sdl, re.M)
    assert re.search(r"^  mandates\(accountId: ID = null, .*\): MandateConnection$", sdl, re.M)
    assert (
        "[mandate.ended](mandate.ended.md)" in (tree.folder / "docs/events/README.md").read_text()
    )


def test_the_definitions_of_the_schema_have_the_table_of_the_view(tree: Tree) -> None:
    assert "\tpolicy views.mandates.readers\t" in (tree.folder / DEFINITIONS).read_text()


def test_a_view_that_names_no_audience_does_not_start(tree: Tree) -> None:
    path = tree.folder / "projections" / "parties" / "mandates.py"
    whole = path.read_text()
    path.write_text(re.sub(r"^AUDIENCE = .*\n", "", whole, flags=re.M))
    with pytest.raises(AssertionError, match="has no attribute 'AUDIENCE'"):
        tree.run("projections.catalogue")
    path.write_text(whole)
    tree.run("projections.catalogue")


def test_the_tests_of_the_copy_pass_from_command_to_row(tree: Tree) -> None:
    out = tree.run("pytest", "-q", "-p", "no:cacheprovider", *CHECKS)
    assert re.search(r"\d{3} passed", out) and "skipped" not in out, out[-500:]

"""`tidemark simulate --worlds` as its user runs it: counts, one seed replayed, refusals."""

from pathlib import Path

import pytest

from simulation.faults import trial as trials
from simulation.faults.campaign import answer as counted
from tests.system.test_simulate_cli import answer, run

pytestmark = pytest.mark.slow
CONTRACT = {
    "runs", "faults", "kinds", "commands", "lost", "doubled", "views_equal", "failing",
    "differences", "wall_s",
}  # fmt: skip


def test_seeds_are_counted_and_one_of_them_is_shown_again(tmp_path: Path) -> None:
    many = answer("simulate", "--worlds", 4, "--seed", 2, folder=tmp_path)
    assert set(many) == CONTRACT
    assert (many["runs"], many["failing"], many["lost"], many["doubled"]) == (4, 0, 0, 0)
    assert many["faults"] == sum(many["kinds"].values()) > 4
    assert many["views_equal"]
    one = answer("simulate", "--world-seed", 3, folder=tmp_path)
    assert set(one) == CONTRACT | {"trace"}
    assert len(one["trace"]) == one["faults"] + 2
    assert not list(tmp_path.iterdir())  # it needs no data directory


def test_a_seed_that_broke_a_law_is_named_with_the_law() -> None:
    good = trials.trial(1)
    bad = trials.Trial(
        seed=7, schedule=good.schedule, struck=good.struck, commands=1, lost=["lost: m1"],
        doubled=[], views=["views: cash"], other=[], root="", wall_s=0.0,
    )  # fmt: skip
    found = counted([good, bad])
    assert (found["failing"], found["lost"], found["views_equal"]) == (1, 1, False)
    assert found["differences"] == [{"seed": 7, "broken": ["lost: m1", "views: cash"], "all": 2}]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--worlds", "0"), "--worlds must be from 1"),
        (("--worlds", "2", "--seed", "-1"), "--seed must not be negative"),
        (("--worlds", "2", "--accounts", "3"), "leave out --from, --to, --accounts and --faults"),
        (("--worlds", "2", "--crash"), "give one of them"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(
    tmp_path: Path, words: tuple[str, ...], named: str
) -> None:
    code, out, err = run("simulate", *words, "--json", folder=tmp_path)
    assert (code, out) == (2, "")
    assert named in err
    assert "Traceback" not in err

"""The benchmarks' arithmetic: the direction of a ratio, goals, and the text of the page."""

import math

import pytest

from tests.bench.growth import exponent
from tests.bench.harness import bound, in_turn, markdown, quantile, report, row


def test_of_rates_more_is_better() -> None:
    found = row("append", [30.0, 10.0, 20.0], [8.0, 4.0, 6.0], peer_name="p", goal=3.0)
    assert (found.ours, found.peer) == (20.0, 6.0)
    assert found.ratio == pytest.approx(20 / 6)
    assert found.met is True


@pytest.mark.parametrize("unit", ["ms", "s", "us"])
def test_of_times_less_is_better(unit: str) -> None:
    twice_as_slow = row("load", [4.0], [2.0], unit=unit, goal=1.0)
    assert twice_as_slow.ratio == 0.5
    assert twice_as_slow.met is False
    assert row("load", [1.0], [2.0], unit=unit, goal=1.0).met is True


def test_a_ratio_that_just_reaches_its_goal_meets_it() -> None:
    assert row("append", [5.0], [2.0], goal=2.5).met is True
    assert row("append", [4.99], [2.0], goal=2.5).met is False


def test_without_a_peer_or_a_goal_nothing_is_met_or_missed() -> None:
    assert row("http", [5.0]).met is None
    assert row("http", [5.0]).ratio is None
    assert row("append", [5.0], [1.0]).met is None


def test_a_bound_is_met_from_below() -> None:
    assert bound("exponent", 0.15, unit="", goal=0.15).met is True
    assert bound("exponent", 0.16, unit="", goal=0.15).met is False


def test_a_quantile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert quantile(values, 0.99) == 100.0
    assert quantile(values, 0.5) == 51.0
    assert quantile([7.0], 0.99) == 7.0


@pytest.mark.parametrize("power", [0.0, 0.15, 1.0, -0.5])
def test_the_exponent_of_a_power_is_that_power(power: float) -> None:
    sizes = [1e4, 3e4, 1e5, 1e6]
    assert exponent(sizes, [3 * s**power for s in sizes]) == pytest.approx(power, abs=1e-12)
    assert math.isfinite(exponent(sizes, [1.0, 1.1, 0.9, 1.0]))


async def test_sides_are_measured_in_turn() -> None:
    order: list[str] = []

    async def a() -> int:
        order.append("a")
        return len(order)

    async def b() -> int:
        order.append("b")
        return len(order)

    found = await in_turn(2, {"a": a, "b": b}, lambda _: None)
    assert order == ["a", "b", "a", "b"]
    assert found == {"a": [1, 3], "b": [2, 4]}


def test_the_report_has_the_contract_s_keys() -> None:
    result = report("append", 3, [row("x", [1.0], [3.0], peer_name="p", goal=2.5)])
    assert result.keys() >= {"name", "commit", "machine", "rounds", "rows"}
    assert result["rows"] == [
        {
            "what": "x",
            "ours": 1.0,
            "peer": 3.0,
            "peer_name": "p",
            "unit": "events/s",
            "ratio": 0.3333,
            "goal": 2.5,
            "met": False,
        }
    ]


def test_the_page_shows_every_row_and_marks_what_is_missed() -> None:
    rows = [
        row("fast", [5.0], [1.0], peer_name="tortoise", goal=2.0),
        row("slow", [1.0], [2.0], peer_name="hare", goal=2.0),
        bound("steep", 0.1, unit="exponent", goal=0.15),
        row("alone", [3.0]),
    ]
    page = markdown([report("race", 3, rows, notes="On grass.")], "2026-01-02")
    lines = page.splitlines()
    assert "## race (3 rounds)" in lines
    assert "| fast | 5 | 1 (tortoise) | events/s | 5 | 2 | yes |" in lines
    assert "| slow | 1 | 2 (hare) | events/s | 0.5 | 2 | **no** |" in lines
    assert "| steep | 0.1 |  | exponent | 0.1 | at most 0.15 | yes |" in lines
    assert "| alone | 3 |  | events/s |  |  |  |" in lines
    assert "On grass." in lines
    assert "2026-01-02" in page


def test_a_page_keeps_the_sections_that_were_not_measured_again() -> None:
    def measured(name: str, ours: float) -> list[dict[str, object]]:
        return [report(name, 1, [row("x", [ours])], notes=f"note of {name}")]

    page = ""
    for name in ("load", "append"):
        page = markdown(measured(name, 1.0), "2026-01-02", before=page, order=("append", "load"))
    again = markdown(measured("load", 2.0), "2026-01-03", before=page, order=("append", "load"))
    assert again.count("# Benchmarks") == 1
    assert [line for line in again.splitlines() if line.startswith("## ")] == [
        "## append (1 rounds)",
        "## load (1 rounds)",
    ]
    assert again.split("## load")[0] == page.split("## load")[0]
    assert "2026-01-03" in again and "| x | 2 |" in again and "note of append" in again

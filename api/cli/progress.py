"""A progress bar on stderr with rate and remaining time; plain lines without a terminal."""

import sys
import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Rich

from simulation.run import Progress

PLAIN_EVERY_S = 5.0


class Bar:
    def __init__(self, *, quiet: bool = False, what: str = "sessions") -> None:
        self._console = Console(stderr=True)
        self._what = what
        self._rich = Rich(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._plain = not quiet and not self._console.is_terminal
        self._quiet = quiet
        self._task = self._rich.add_task("starting", total=None, note="")
        self._first: tuple[float, int, int] | None = None
        self._last = 0.0

    def __enter__(self) -> Self:
        self._rich.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._rich.stop()

    def show_check(self, events: int, position: int, last: int) -> None:
        """Show how far the check of an existing log has come; then the checks after it."""
        part = min(position / last, 1.0) if last else 1.0
        what = f"{last:,} events" if events == position else "the log"  # positions may have gaps
        text, note = f"checking {what} ...", f"{part * 100:.0f} %"
        self._rich.update(self._task, description=text, total=1.0, completed=part, note=note)
        if position >= last:  # the checks that follow have no count
            self._rich.update(
                self._task,
                description="checking read models and warehouse ...",
                total=None,
                note="",
            )
        if self._plain and (time.monotonic() - self._last > PLAIN_EVERY_S or position >= last):
            self._last = time.monotonic()
            print(f"{text} {note}", file=sys.stderr, flush=True)

    def show(self, at: Progress) -> None:
        """Show a simulated session that has just ended."""
        now = time.monotonic()
        is_first = self._first is None
        if self._first is None:
            self._first = (now, at.events, at.done)
        spent = now - self._first[0]
        rate = (at.events - self._first[1]) / spent if spent > 0 else 0.0
        note = f"{at.done}/{at.total} sessions {rate:>7,.0f} events/s"
        self._rich.update(
            self._task, description=f"{at.day}", total=at.total, completed=at.done, note=note
        )
        if self._plain and (is_first or now - self._last > PLAIN_EVERY_S or at.done == at.total):
            self._last = now
            done = at.done - self._first[2]
            line = f"{at.day}  {at.done}/{at.total} sessions"
            if done:  # the first session gives no speed yet
                left = spent / done * (at.total - at.done)
                line += f"  {rate:,.0f} events/s  {left:.0f} s left"
            print(line, file=sys.stderr, flush=True)

    def count(self, done: int, total: int) -> None:
        """Show work that is counted in units other than sessions."""
        note = f"{done:,}/{total:,}"
        self._rich.update(
            self._task, description=self._what, total=total, completed=done, note=note
        )
        if self._plain and (time.monotonic() - self._last > PLAIN_EVERY_S or done == total):
            self._last = time.monotonic()
            print(f"{done}/{total} {self._what}", file=sys.stderr, flush=True)

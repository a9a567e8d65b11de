"""The callers, in a process of their own: `python -m tests.chaos.load --url U --dir D --seed N`.

Each desk is a thread with one command under way. It repeats a command under its key until it gets
a definite answer, which 503, 429, a lost race, a broken connection and a timeout are not. On
SIGTERM each desk finishes its command, and the process ends, with 1 if some command has no answer.

    D/journal.jsonl    commands and answers (`journal`)
    D/progress.json    figures, updated twice a second
"""

import argparse
import json
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.desk import Ask, Desk, listings
from tests.chaos.journal import Journal

DESKS = 8
PACE_S = 0.4  # between two commands of a desk
ANSWER_S = 20.0  # the timeout of a try
PAUSE_S = 0.25  # before the next try
INSIST_S = 180.0  # to get an answer to one command
PROGRESS_S = 0.5
AGAIN = (429, 503)  # not a definite answer


class NoAnswer(Exception):
    """One command was tried for `INSIST_S`, and its outcome is unknown."""


class Callers:
    def __init__(self, url: str, folder: Path, seed: int) -> None:
        self.stop = threading.Event()
        self.tries: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []  # answers that no caller should ever get
        self._url, self._seed = url, seed
        self._journal = Journal(folder / "journal.jsonl")
        self._progress = folder / "progress.json"
        self._lock = threading.Lock()

    def run(self) -> int:
        with httpx.Client(base_url=self._url, timeout=ANSWER_S) as http:
            for number, ask in enumerate(listings()):
                self._insist(http, [ask], [f"listing:{number}"])
        desks = [threading.Thread(target=self._work, args=(n,)) for n in range(DESKS)]
        for desk in desks:
            desk.start()
        while any(desk.is_alive() for desk in desks):
            self._tell()
            time.sleep(PROGRESS_S)
        self._tell()
        return 1 if self.wrong else 0

    def _work(self, number: int) -> None:
        desk = Desk(number, self._seed, DESKS)
        dice = random.Random(f"pace {self._seed}.{number}")
        count = 0
        try:
            with httpx.Client(base_url=self._url, timeout=ANSWER_S) as http:
                for count, ask in enumerate(desk.opening()):
                    self._insist(http, [ask], [f"opening:{number}.{count}"])
                while not self.stop.is_set():
                    asked = desk.next()
                    asks = asked if isinstance(asked, list) else [asked]
                    keys = [f"{number}.{count + n}" for n in range(len(asks))]
                    count += len(asks)
                    self._insist(http, asks, keys)
                    self.stop.wait(dice.uniform(0, 2 * PACE_S))
        except Exception as e:
            self._complain(f"desk {number}: {type(e).__name__}: {e}")

    def _insist(self, http: httpx.Client, asks: Sequence[Ask], keys: Sequence[str]) -> None:
        """Repeat the commands until all of them are answered.

        Raises:
            NoAnswer: it took longer than `INSIST_S`.
        """
        left = dict(zip(keys, asks, strict=True))
        for key, ask in left.items():
            self._journal.asked(key, ask.name)
        deadline = time.monotonic() + INSIST_S
        while left:
            for key, status, body in self._try(http, left):
                if self._settle(key, status, body):
                    del left[key]
            if left:
                if time.monotonic() > deadline:
                    raise NoAnswer(", ".join(left))
                time.sleep(PAUSE_S)

    def _try(
        self, http: httpx.Client, asks: dict[str, Ask]
    ) -> list[tuple[str, int, dict[str, Any]]]:
        """Key, status and body of each answer; empty if there was none."""
        try:
            if len(asks) == 1:
                ((key, ask),) = asks.items()
                sent = {"Idempotency-Key": key}
                answer = http.post(f"/commands/{ask.name}", json=ask.body, headers=sent)
                return [(key, answer.status_code, answer.json())]
            items = [{"name": a.name, "key": k, "body": a.body} for k, a in asks.items()]
            answer = http.post("/commands", json=items)
            if answer.status_code != 200:
                return [(key, answer.status_code, answer.json()) for key in asks]
            result = zip(asks, answer.json(), strict=True)
            return [(key, one["status"], one["body"]) for key, one in result]
        except (httpx.TransportError, json.JSONDecodeError) as e:
            with self._lock:
                self.tries[type(e).__name__] += 1
            return []

    def _settle(self, key: str, status: int, body: dict[str, Any]) -> bool:
        """Whether that is a definite answer; if so, write it to the journal."""
        with self._lock:
            self.tries[str(status)] += 1
        if status in AGAIN or (status == 409 and body.get("type") == "race_lost"):
            return False
        self._journal.answered(key, status, body)
        with self._lock:
            self.answers[str(status)] += 1
        if status not in (200, 201, 422):
            self._complain(f"{key}: {status} {json.dumps(body)[:300]}")
        return True

    def _complain(self, what: str) -> None:
        with self._lock:
            self.wrong.append(what)

    def _tell(self) -> None:
        with self._lock:
            result = {"answers": self.answers, "tries": self.tries, "wrong": self.wrong[:20]}
            text = json.dumps({"done": sum(self.answers.values()), **result})
        beside = self._progress.with_suffix(".new")
        beside.write_text(text)
        beside.rename(self._progress)


def main() -> int:
    parser = argparse.ArgumentParser(prog="load")
    parser.add_argument("--url", required=True)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    callers = Callers(options.url, options.dir, options.seed)
    signal.signal(signal.SIGTERM, lambda *_: callers.stop.set())
    return callers.run()


if __name__ == "__main__":
    sys.exit(main())

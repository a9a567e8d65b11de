"""The commands and answers of callers, one JSON line each, on disk before they go on.

    {"asked": KEY, "name": "DepositCash"}                               before the first try
    {"key": KEY, "status": 201, "stream": ..., "version": ..., "position": ...}   the answer

It belongs to the callers, not to the platform: no kill can lose what callers were promised.
"""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

DONE = (200, 201)


class Promise(NamedTuple):
    """A command and the answer that a caller received."""

    key: str
    name: str
    status: int
    stream: str  # "" for a refusal
    version: int
    position: int

    @property
    def done(self) -> bool:
        return self.status in DONE


class Journal:
    """A file to which the threads of one process append."""

    def __init__(self, path: Path) -> None:
        self._out = path.open("ab", buffering=0)
        self._lock = threading.Lock()

    def asked(self, key: str, name: str) -> None:
        self._write({"asked": key, "name": name})

    def answered(self, key: str, status: int, body: Mapping[str, Any]) -> None:
        result = {name: body[name] for name in ("stream", "version", "position") if name in body}
        refusal = {"refusal": body["type"]} if "type" in body else {}
        self._write({"key": key, "status": status, **result, **refusal})

    def _write(self, line: Mapping[str, Any]) -> None:
        with self._lock:
            self._out.write(json.dumps(line).encode() + b"\n")
            os.fsync(self._out.fileno())


def read(path: Path) -> tuple[list[Promise], dict[str, str]]:
    """(the answers, the names of all commands sent, by key)."""
    asked: dict[str, str] = {}
    promises: list[Promise] = []
    for line in path.read_bytes().splitlines():
        result = json.loads(line)
        if "asked" in result:
            asked[result["asked"]] = result["name"]
        else:
            where = (result.get("stream", ""), result.get("version", 0), result.get("position", 0))
            promises.append(Promise(result["key"], asked[result["key"]], result["status"], *where))
    return promises, asked

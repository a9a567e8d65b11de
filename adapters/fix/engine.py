"""The edge: one FIX session, initiator or acceptor, in a child process (`native`).

    hooks.sent(raw) -> True: it leaves      before a message of ours leaves; blocks the engine
    hooks.resent(raw)                       a message of ours that leaves again with PossDup, or
                                            the SequenceReset in its place
    hooks.received(raw)                     after the engine checked number, length and dictionary
    hooks.up(), hooks.down()                logged on; logged out, or the child process has ended

The hooks are called on a thread of this module. Nothing here may run on the event loop's thread:
the engine waits for the hooks, and the hooks wait for the loop.
"""

import itertools
import json
import logging
import os
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from adapters.fix.text import LATIN1
from adapters.settings_error import SettingsError

BEGIN_STRING = "FIX.4.4"
HALF_WEEK_S = 3 * 86_400
CONNECTION_MAX_S = 48 * 3600
"""A connection is ended and made anew after this time. The engine resets a session's numbers at
the end of its week; we set that end half a week ahead, so no connection lives to see it."""
OPEN_S, STOP_S, ASK_S = 20.0, 15.0, 60.0
_ROOT = Path(__file__).parents[2]
_log = logging.getLogger(__name__)


class Hooks(Protocol):
    def sent(self, raw: bytes, /) -> bool: ...

    def resent(self, raw: bytes, /) -> None: ...

    def received(self, raw: bytes, /) -> None: ...

    def up(self) -> None: ...

    def down(self) -> None: ...


class Ends(Struct, frozen=True, kw_only=True):
    """Where and as whom; `host` "" listens."""

    sender_comp_id: str
    target_comp_id: str
    port: int
    host: str = ""
    heartbeat_s: int = 30
    logon_s: int = 10
    tls: bool = False
    ca: str = ""
    cert: str = ""
    key: str = ""
    username: str = ""
    password: str = ""


def installed() -> None:
    """Raises SettingsError: QuickFIX, or its dictionary, is not installed."""
    try:
        found = find_spec("quickfix") is not None
    except ImportError:
        found = False
    if not found:
        raise SettingsError(
            "TIDEMARK_VENUES: QuickFIX is not installed (pip install 'tidemark[fix]')"
        )
    dictionary()


class Engine:
    """One session of the engine, from `start` to `stop`; make another to connect again."""

    def __init__(self, ends: Ends, folder: Path, hooks: Hooks) -> None:
        self._ends, self._folder, self._hooks = ends, folder, hooks
        self._child: subprocess.Popen[str] | None = None
        self._writing = threading.Lock()
        self._numbers = itertools.count(1)
        self._asked: dict[int, tuple[threading.Event, list[Any]]] = {}
        self._opened = threading.Event()
        self._why = ""  # why it did not open
        self._up = False

    def start(self) -> None:
        """Connect or listen, without waiting for a logon.

        Raises:
            ConnectionError: the port cannot be bound, or a certificate cannot be read.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / "session.cfg"
        path.write_text(settings_of(self._ends, self._folder))
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._child = subprocess.Popen(
            [sys.executable, "-m", "adapters.fix.native"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            start_new_session=True,  # so that the terminal's Ctrl-C reaches only us
        )
        threading.Thread(target=self._read, args=(self._child,), daemon=True).start()
        self._write(_opening(self._ends, path))
        if not self._opened.wait(OPEN_S) or self._why:
            self._end(self._child)
            raise ConnectionError(self._why or f"no engine within {OPEN_S:g} s")

    def logged_on(self) -> bool:
        return self._up

    def numbers(self) -> tuple[int, int]:
        """The numbers of our next message and of theirs, as the engine has them."""
        out, came = self._ask("numbers") or (0, 0)
        return out, came

    def send(self, msg_type: str, pairs: list[tuple[int, str]]) -> bool:
        """Send a message; False: it did not leave, and no number was used."""
        return bool(self._ask("send", type=msg_type, pairs=pairs))

    def disturb(self, what: str, amount: int) -> None:
        """Break the protocol, as a simulated counterparty does on demand.

        `disconnect` drops the connection without a Logout; `gap` skips `amount` numbers.
        """
        self._ask("disturb", what=what, amount=amount)

    def stop(self) -> None:
        """Log out, and end the child process."""
        child, self._child = self._child, None
        if child is not None:
            self._ask("stop", child=child, seconds=STOP_S)
            self._end(child)

    def _ask(
        self,
        do: str,
        *,
        child: "subprocess.Popen[str] | None" = None,
        seconds: float = ASK_S,
        **more: Any,
    ) -> Any:
        """The child's answer; None if it has ended, or does not answer in time."""
        event, answer = threading.Event(), list[Any]()
        number = next(self._numbers)
        self._asked[number] = (event, answer)
        if self._write({"do": do, "id": number, **more}, child):
            event.wait(seconds)
        self._asked.pop(number, None)
        return answer[0] if answer else None

    def _write(self, line: dict[str, Any], child: "subprocess.Popen[str] | None" = None) -> bool:
        child = child or self._child
        if child is None or child.stdin is None:
            return False
        try:
            with self._writing:
                child.stdin.write(json.dumps(line) + "\n")
                child.stdin.flush()
        except (OSError, ValueError):  # it has ended, or its pipe is closed
            return False
        return True

    def _read(self, child: "subprocess.Popen[str]") -> None:
        """Hand over what the child says, in order, until it ends."""
        assert child.stdout is not None
        for line in child.stdout:
            try:
                self._heard(json.loads(line), child)
            except Exception:
                _log.exception("fix: a hook failed")
        self._up = False
        self._why = self._why or ("" if self._opened.is_set() else "the engine has ended")
        self._opened.set()
        for event, _ in list(self._asked.values()):
            event.set()
        self._hooks.down()

    def _heard(self, one: dict[str, Any], child: "subprocess.Popen[str]") -> None:
        hooks = self._hooks
        match one["on"]:
            case "sent":
                raw, ok = one["raw"].encode(LATIN1), False
                try:
                    ok = self._leaves(raw, again=one["again"])
                finally:
                    self._write({"do": "answer", "id": one["id"], "ok": ok}, child)
            case "received":
                hooks.received(one["raw"].encode(LATIN1))
            case "up":
                self._up = True
                hooks.up()
            case "down":
                self._up = False
                hooks.down()
            case "done":
                event, answer = self._asked.get(one["id"], (threading.Event(), []))
                answer.append(one["result"])
                event.set()
            case "opened":
                self._opened.set()
            case "failed":
                self._why = one["why"]
                self._opened.set()

    def _leaves(self, raw: bytes, *, again: bool) -> bool:
        """Whether a message of ours may leave; one that leaves again always may."""
        if again:
            self._hooks.resent(raw)
            return True
        return self._hooks.sent(raw)

    def _end(self, child: "subprocess.Popen[str]") -> None:
        try:
            child.wait(1.0)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdin is not None:
            child.stdin.close()


def _opening(ends: Ends, path: Path) -> dict[str, Any]:
    kind = "Socket" + ("Initiator" if ends.host else "Acceptor")
    logon = {"553": ends.username, "554": ends.password} if ends.username else {}
    return {
        "do": "open",
        "settings": str(path),
        "kind": f"SSL{kind}" if ends.tls else kind,
        "sender": ends.sender_comp_id,
        "target": ends.target_comp_id,
        "logon": logon,
    }


def settings_of(ends: Ends, folder: Path) -> str:
    """The engine's settings file. Times and resets are ours: its own week never ends in a run."""
    day = time.strftime("%A", time.gmtime(time.time() + HALF_WEEK_S))
    lines = {
        "ConnectionType": "initiator" if ends.host else "acceptor",
        "BeginString": BEGIN_STRING,
        "SenderCompID": ends.sender_comp_id,
        "TargetCompID": ends.target_comp_id,
        "StartDay": day,
        "EndDay": day,
        "StartTime": "00:00:00",
        "EndTime": "00:00:00",
        "HeartBtInt": ends.heartbeat_s,
        "LogonTimeout": ends.logon_s,
        "ReconnectInterval": 86_400,  # we connect again, after the store was written anew
        "FileStorePath": folder,
        "UseDataDictionary": "Y",
        "DataDictionary": dictionary(),
        "ValidateUserDefinedFields": "Y",
        "TimestampPrecision": 6,
        "SocketNodelay": "Y",
        "SocketReuseAddress": "Y",
    }
    if ends.host:
        lines |= {"SocketConnectHost": ends.host, "SocketConnectPort": ends.port}
    else:
        lines |= {"SocketAcceptPort": ends.port}
    if ends.tls:
        side = "Client" if ends.host else "Server"
        files = {
            "CertificationAuthoritiesFile": ends.ca,
            f"{side}CertificateFile": ends.cert,
            f"{side}CertificateKeyFile": ends.key,
        }
        lines |= {k: v for k, v in files.items() if v} | {"CertificateVerifyLevel": 1}
    own = ("BeginString", "SenderCompID", "TargetCompID")
    head = "".join(f"{k}={v}\n" for k, v in lines.items() if k not in own)
    return f"[DEFAULT]\n{head}[SESSION]\n" + "".join(f"{k}={lines[k]}\n" for k in own)


def dictionary() -> Path:
    """The FIX 4.4 dictionary that came with the engine.

    Raises:
        SettingsError: it is not where the engine's package puts it.
    """
    path = Path(sys.prefix) / "share" / "quickfix" / "FIX44.xml"
    if not path.is_file():
        raise SettingsError(f"TIDEMARK_VENUES: there is no FIX dictionary {path}")
    return path

"""A child process with one QuickFIX session; its parent is `engine.Engine`.

    stdin    {"do": "open", ...} once, then "send", "answer", "numbers", "disturb", "stop"
    stdout   {"on": "opened" | "failed" | "sent" | "received" | "up" | "down" | "done", ...}

One JSON object a line; a raw FIX message is a text of Latin-1 characters. A message of ours waits
inside the engine's callback until the parent has answered "sent": then it is recorded. The process
ends when its stdin does. It is apart because the engine is native code: when it crashes, one
connection is lost and nothing else. This is the only module that imports QuickFIX.
"""

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

BEGIN_STRING = "FIX.4.4"
LOGOUT_S = 2.0  # for their answer to our Logout
GROUPS = {375: 382}  # ContraBroker is in the group NoContraBrokers
_HEADER = (97,)


class Parent:
    """The pipe: says things to the parent, and waits for its answers."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # the engine prints to stdout at times
        self._lock = threading.Lock()
        self._asked: dict[int, tuple[threading.Event, list[bool]]] = {}
        self._count = 0

    def say(self, on: str, **more: Any) -> None:
        line = json.dumps({"on": on, **more}) + "\n"
        with self._lock:
            self._out.write(line)
            self._out.flush()

    def ask(self, raw: str, *, again: bool) -> bool:
        """Have a message recorded; whether it may leave."""
        event, answer = threading.Event(), list[bool]()
        with self._lock:
            self._count += 1
            number = self._count
            self._asked[number] = (event, answer)
        self.say("sent", id=number, raw=raw, again=again)
        event.wait()
        return answer[0]

    def answered(self, number: int, ok: bool) -> None:
        event, answer = self._asked.pop(number)
        answer.append(ok)
        event.set()


class Session:
    """The engine with its one session."""

    def __init__(self, fix: Any, parent: Parent, opening: dict[str, Any]) -> None:
        self._fix = fix
        self._id = fix.SessionID(BEGIN_STRING, opening["sender"], opening["target"])
        self._application = _application(fix, parent, opening.get("logon", {}))
        self._settings = fix.SessionSettings(opening["settings"])
        self._store = fix.FileStoreFactory(self._settings)
        make = getattr(fix, opening["kind"])
        self._engine = make(self._application, self._store, self._settings)
        self._engine.start()

    def send(self, msg_type: str, pairs: list[tuple[int, str]]) -> bool:
        fix = self._fix
        message = fix.Message()
        message.getHeader().setField(fix.StringField(35, msg_type))
        for tag, value in pairs:
            if tag in GROUPS.values():
                continue
            field = fix.StringField(tag, value)
            if tag in GROUPS:
                group = fix.Group(GROUPS[tag], tag)
                group.setField(field)
                message.addGroup(group)
            else:
                (message.getHeader() if tag in _HEADER else message).setField(field)
        return bool(fix.Session.sendToTarget(message, self._id))

    def numbers(self) -> list[int]:
        session = self._fix.Session.lookupSession(self._id)
        return [session.getExpectedSenderNum(), session.getExpectedTargetNum()]

    def disturb(self, what: str, amount: int) -> None:
        session = self._fix.Session.lookupSession(self._id)
        if what == "gap":
            session.setNextSenderMsgSeqNum(session.getExpectedSenderNum() + amount)
        else:
            session.disconnect()

    def log_out(self) -> None:
        """Say good-bye and wait for the answer. The engine's own stop is not called: it looks once
        a second only, and it is where it crashes."""
        session = self._fix.Session.lookupSession(self._id)
        if session is None or not self._engine.isLoggedOn():
            return
        session.logout()
        until = time.monotonic() + LOGOUT_S
        while self._engine.isLoggedOn() and time.monotonic() < until:
            time.sleep(0.01)


class Callbacks:
    """What the engine calls on its threads, by the names of its `Application`."""

    def __init__(self, fix: Any, parent: Parent, logon: dict[str, str]) -> None:
        self._fix, self._parent, self._logon = fix, parent, logon

    def create(self, session: Any) -> None:
        return

    def logged_on(self, session: Any) -> None:
        self._parent.say("up")

    def logged_out(self, session: Any) -> None:
        self._parent.say("down")

    def to_admin(self, message: Any, session: Any) -> None:
        if self._logon and message.getHeader().getField(35) == "A":
            for tag, value in self._logon.items():
                message.setField(self._fix.StringField(int(tag), value))
        self._leaves(message)

    def to_app(self, message: Any, session: Any) -> None:
        if not self._leaves(message):
            raise self._fix.DoNotSend

    def came(self, message: Any, session: Any) -> None:
        self._parent.say("received", raw=_raw(message))

    def _leaves(self, message: Any) -> bool:
        again = bool(message.getHeader().isSetField(43))
        return self._parent.ask(_raw(message), again=again)


def _raw(message: Any) -> str:
    """The bytes of a message, one character each."""
    return str(message.toString()).encode("utf-8", "surrogateescape").decode("latin-1")


def _application(fix: Any, parent: Parent, logon: dict[str, str]) -> Any:
    """The engine's callbacks. None of them may raise anything but DoNotSend."""
    calls = Callbacks(fix, parent, logon)
    names: dict[str, Callable[..., None]] = {
        "onCreate": calls.create,
        "onLogon": calls.logged_on,
        "onLogout": calls.logged_out,
        "toAdmin": calls.to_admin,
        "toApp": calls.to_app,
        "fromAdmin": calls.came,
        "fromApp": calls.came,
    }
    methods = {name: _method(call) for name, call in names.items()}
    return type("Application", (fix.Application,), methods)()


def _method(call: Callable[..., None]) -> Callable[..., None]:
    def method(self: Any, *arguments: Any) -> None:
        call(*arguments)

    return method


def _work(session: Session, parent: Parent, asked: "queue.Queue[dict[str, Any]]") -> None:
    """Do what the parent asks, one after the other: a send waits for its record."""
    while True:
        one = asked.get()
        result: Any = None
        match one["do"]:
            case "send":
                result = session.send(one["type"], one["pairs"])
            case "numbers":
                result = session.numbers()
            case "disturb":
                session.disturb(one["what"], one["amount"])
            case "stop":
                session.log_out()
                parent.say("done", id=one["id"], result=None)
                os._exit(0)
        parent.say("done", id=one["id"], result=result)


def main() -> None:
    parent = Parent()
    opening = json.loads(sys.stdin.readline() or "{}")
    if not opening:
        return
    try:
        import quickfix  # noqa: PLC0415 - an extra; what is missing is said

        session = Session(quickfix, parent, opening)
    except BaseException as e:
        parent.say("failed", why=(str(e).strip() or type(e).__name__).splitlines()[0])
        os._exit(1)
    parent.say("opened")
    asked: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_work, args=(session, parent, asked), daemon=True).start()
    for line in sys.stdin:
        one = json.loads(line)
        if one["do"] == "answer":
            parent.answered(one["id"], one["ok"])
        else:
            asked.put(one)
    os._exit(0)  # the parent has ended


if __name__ == "__main__":
    main()

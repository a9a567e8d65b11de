"""The edge: one QuickFIX session, initiator or acceptor, with its callbacks on engine threads.

    hooks.sent(raw) -> True: it leaves      before a message of ours leaves; blocks the engine
    hooks.resent(raw)                       a message of ours that leaves again with PossDup, or
                                            the SequenceReset in its place
    hooks.received(raw)                     after the engine checked number, length and dictionary
    hooks.up(), hooks.down()                logged on, logged out

This is the only module that imports QuickFIX. Nothing in it may run on the event loop's thread:
the engine waits for its own threads, and its callbacks wait for the loop.
"""

import logging
import sys
import time
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from adapters.fix.text import LATIN1, Fields
from adapters.settings_error import SettingsError

BEGIN_STRING = "FIX.4.4"
LOGOUT_S = 2.0  # for their answer to our Logout
GROUPS = {375: 382}  # ContraBroker is in the group NoContraBrokers
HALF_WEEK_S = 3 * 86_400
CONNECTION_MAX_S = 48 * 3600
"""A connection is ended and made anew after this time. The engine resets a session's numbers at
the end of its week; we set that end half a week ahead, so no connection lives to see it."""
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


def module() -> Any:
    """QuickFIX.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        import quickfix  # noqa: PLC0415 - an extra
    except ImportError as e:
        raise SettingsError(
            "TIDEMARK_VENUES: QuickFIX is not installed (pip install 'tidemark[fix]')"
        ) from e
    return quickfix


class Engine:
    """One session of the engine, from `start` to `stop`; make another to connect again."""

    def __init__(self, ends: Ends, folder: Path, hooks: Hooks) -> None:
        self._fix, self._ends, self._folder = module(), ends, folder
        self._application = _application(self._fix, ends, hooks)
        self._engine: Any = None
        self._id = self._fix.SessionID(BEGIN_STRING, ends.sender_comp_id, ends.target_comp_id)

    def start(self) -> None:
        """Connect or listen, without waiting for a logon.

        Raises:
            ConnectionError: the port cannot be bound, or a certificate cannot be read.
        """
        fix, ends, folder = self._fix, self._ends, self._folder
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "session.cfg"
        path.write_text(settings_of(ends, folder))
        try:
            settings = fix.SessionSettings(str(path))
            store = fix.FileStoreFactory(settings)
            kind = "Socket" + ("Initiator" if ends.host else "Acceptor")
            make = getattr(fix, f"SSL{kind}" if ends.tls else kind)
            self._kept = (settings, store)  # the engine refers to them
            self._engine = make(self._application, store, settings)
            self._engine.start()
        except Exception as e:
            self._engine = None
            raise ConnectionError(_line(e)) from None

    def logged_on(self) -> bool:
        return self._engine is not None and bool(self._engine.isLoggedOn())

    def numbers(self) -> tuple[int, int]:
        """The numbers of our next message and of theirs, as the engine has them."""
        session = self._fix.Session.lookupSession(self._id)
        return session.getExpectedSenderNum(), session.getExpectedTargetNum()

    def send(self, msg_type: str, pairs: list[tuple[int, str]]) -> bool:
        """Send a message; False: it did not leave, and no number was used."""
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
                part = message.getHeader() if tag == 97 else message
                part.setField(field)
        return bool(fix.Session.sendToTarget(message, self._id))

    def disturb(self, what: str, amount: int) -> None:
        """Break the protocol, as a simulated counterparty does on demand.

        `disconnect` drops the connection without a Logout; `gap` skips `amount` numbers.
        """
        session = self._fix.Session.lookupSession(self._id)
        if what == "gap":
            session.setNextSenderMsgSeqNum(session.getExpectedSenderNum() + amount)
        else:
            session.disconnect()

    def stop(self) -> None:
        """Log out and end the engine's threads. The engine itself looks once a second only."""
        engine, self._engine = self._engine, None
        if engine is None:
            return
        session = self._fix.Session.lookupSession(self._id)
        if session is not None and engine.isLoggedOn():
            session.logout()
            until = time.monotonic() + LOGOUT_S
            while engine.isLoggedOn() and time.monotonic() < until:
                time.sleep(0.01)
        engine.stop()


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


def _application(fix: Any, ends: Ends, hooks: Hooks) -> Any:
    """The engine's callbacks. An exception in one would hang the session, so none escapes."""

    class Application(fix.Application):  # type: ignore[misc]
        def onCreate(self, session: Any) -> None:  # noqa: N802
            return

        def onLogon(self, session: Any) -> None:  # noqa: N802
            _guarded(hooks.up)

        def onLogout(self, session: Any) -> None:  # noqa: N802
            _guarded(hooks.down)

        def toAdmin(self, message: Any, session: Any) -> None:  # noqa: N802
            _identify(fix, ends, message)
            _guarded(_leaves, hooks, _raw(message))

        def toApp(self, message: Any, session: Any) -> None:  # noqa: N802
            if not _guarded(_leaves, hooks, _raw(message)):
                raise fix.DoNotSend

        def fromAdmin(self, message: Any, session: Any) -> None:  # noqa: N802
            _guarded(hooks.received, _raw(message))

        def fromApp(self, message: Any, session: Any) -> None:  # noqa: N802
            _guarded(hooks.received, _raw(message))

    return Application()


def _identify(fix: Any, ends: Ends, message: Any) -> None:
    """Put user and password into our Logon, if there are any."""
    if ends.username and message.getHeader().getField(35) == "A":
        message.setField(fix.StringField(553, ends.username))
        message.setField(fix.StringField(554, ends.password))


def _leaves(hooks: Hooks, raw: bytes) -> bool:
    """Whether a message of ours may leave; one that leaves again always may."""
    if Fields.parse(raw.decode(LATIN1)).flag(43):
        hooks.resent(raw)
        return True
    return hooks.sent(raw)


def _raw(message: Any) -> bytes:
    return str(message.toString()).encode(LATIN1, "surrogateescape")


def _guarded(hook: Any, *arguments: Any) -> Any:
    try:
        return hook(*arguments)
    except Exception:
        _log.exception("fix: a callback failed")
        return False


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

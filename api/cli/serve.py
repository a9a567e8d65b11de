"""`tidemark serve`: runs the platform, on its embedded engines unless settings name servers.

the log's clock      what runs
the machine's        the platform, with simulated counterparties that never close
simulated            the market of the log's run, at a pace; with --demo its history first
"""

import argparse
import asyncio
import errno
import json
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from datetime import date, timedelta
from typing import Any

import uvicorn
from msgspec.structs import replace

from adapters.host.clock import PacedClock, SystemClock
from adapters.host.entropy import HandedOver
from adapters.log.origin import origin_of
from adapters.settings import Settings
from adapters.settings_error import SettingsError
from adapters.wiring.platform import Platform
from adapters.wiring.workers import OpenBus, open_bus
from api.cli import UsageError, add_verb, command_line, say, settings, wants_json
from api.cli.demo_screen import first_screen, opening
from api.cli.opening import platform_of
from api.cli.progress import Bar
from api.cli.simulate import history
from api.cli.summary import figures, table
from api.http.browsers import Site
from api.http.limits import Limits, room_for
from api.http.server import Door
from commands.ports import Unreadable
from simulation.census import Census
from simulation.demo_drive import demo_drive
from simulation.live import FAR
from simulation.pace import BadPace, Pace, PaceFile, parse_pace
from simulation.run import Spec, eve_of
from streams.bus_side import BusSide
from streams.drive import Drive
from streams.live import live_drive

FIRST_DAYS = timedelta(days=7)  # of another run with no closed day yet
DEMO = Spec(first=date(2021, 1, 4), last=date(2021, 12, 31), accounts=100, seed=1)

UNNAMED = (
    "the log runs on a simulated clock but does not record its run: name the run with "
    "`tidemark simulate --from D --to D --accounts N --seed S`, with the values of its first start"
)

UNPACED = "--pace is for a demo: this log records no run to continue"
PORT_MAX = 65_535

_log = logging.getLogger(__name__)

Greet = Callable[[str], Awaitable[None]]
"""Called with the URL once the server answers."""

ABOUT = """\
Run the platform: commands over HTTP, GraphQL, SQL, health (docs/concepts.md).

With --demo it first trades the year 2021 for 100 accounts, on real prices (some minutes, once).
Then it opens the market and plays the sessions of 2022, each in about six minutes; it skips nights
and weekends. Prices tick, the clients trade on, your orders fill, each day is settled and closes
with its controls. Without a terminal on stdout it ends after the summary of the year.

A log that --demo or `tidemark simulate` began always runs on its own clock: a plain
`tidemark serve` continues it in the same way. Any other log runs on the machine's clock.
"""
MORE = """\
examples:
  tidemark serve --demo                     try it: http://127.0.0.1:8080
  tidemark serve --demo --pace 1            a session a minute
  tidemark serve --port 9000 --data-dir D   a platform of your own, empty at first

Ctrl-C stops it: every answered command is stored. A second Ctrl-C stops it at once.
exit codes: 0 stopped; 1 it could not start (one line gives the reason); 2 the command line is wrong
"""


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(verbs, shared, "serve", about=ABOUT, more=MORE)
    verb.add_argument(
        "--port",
        type=_port,
        default=None,
        metavar="N",
        help="the port for HTTP (default 8080, or TIDEMARK_PORT); 0 picks a free one",
    )
    verb.add_argument(
        "--demo",
        action="store_true",
        help="trade the year 2021 first, unless that is done already; then open the market",
    )
    verb.add_argument(
        "--pace",
        default=None,
        metavar="MINUTES",
        help="real minutes that a session of a demo takes (default 6, 0.05 to 1440), or `paused`;"
        " kept for the next start. A paused demo stays paused until `tidemark demo resume`;"
        " `tidemark demo pace` changes the minutes while it runs",
    )
    verb.add_argument(
        "--clock",
        choices=("log", "system"),
        default="log",
        help="log (default): the log's own clock; system: refuse a log with a simulated clock",
    )
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> int:
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s"
    )
    config = settings(args, port=args.port)
    _check(args, config)
    serves = not args.demo or sys.stdout.isatty()
    with _bound(args, config) if serves else nullcontext() as listener:
        await _open(args, config, listener)
    return 0


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= PORT_MAX:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a port: a number from 0 to {PORT_MAX}")


def _check(args: argparse.Namespace, config: Settings) -> None:
    """Check the options before anything is created for them.

    Raises:
        UsageError: the options conflict, the pace is invalid, or nothing here has a pace.
    """
    if args.demo and args.clock == "system":
        raise UsageError("--demo runs on a simulated clock: leave out --clock system")
    if args.pace is not None:
        _pace(args.pace, PaceFile(config.data_dir))
        begun = not config.embedded_log or (config.data_dir / "postgres").exists()
        if not args.demo and (args.clock == "system" or not begun):
            raise UsageError(UNPACED)


async def _open(args: argparse.Namespace, config: Settings, listener: socket.socket | None) -> None:
    """Open the platform, trade a demo's history, and serve; without a listener do not serve."""
    clock: PacedClock | SystemClock | None = SystemClock() if args.clock == "system" else None
    entropy, census = None, None
    if args.demo:
        clock, entropy = PacedClock(eve_of(DEMO)), HandedOver(DEMO.seed)
    async with await platform_of(config, verb="serve", clock=clock, entropy=entropy) as platform:
        demo = args.demo or platform.origin.run.first_day is not None
        file = _pace_file(args, config, demo=demo)
        if entropy is not None:
            census = await _history(platform, args, entropy)
        if listener is None:
            return
        opened = await open_bus(platform) if config.kafka is not None else None
        try:
            if demo:
                await _play(platform, args, file, opened=opened, census=census, listener=listener)
            else:
                _run_clock_on(platform)
                worker = command_line("worker")
                bus = None if opened is None else BusSide(platform, opened, worker=worker)
                await _serve(platform, listener, await live_drive(platform, bus))
        finally:
            if opened is not None:
                opened.close()


def _pace_file(args: argparse.Namespace, config: Settings, *, demo: bool) -> PaceFile:
    """The file with the pace; sets it first if the command line has one.

    Raises:
        UsageError: the pace is invalid, or nothing here has a pace.
    """
    file = PaceFile(config.data_dir)
    if args.pace is not None:
        if not demo:
            raise UsageError(UNPACED)
        file.set(_pace(args.pace, file))
    return file


def _pace(text: str, file: PaceFile) -> Pace:
    try:
        return parse_pace(text, now=file.pace())
    except BadPace as e:
        raise UsageError(f"--pace: {e}") from e


def _run_clock_on(platform: Platform) -> None:
    """If a simulated log names no run, run its clock on from the log's end at machine speed.

    Raises:
        UsageError: there is a bus, so workers would lead the sagas, and they lack this clock.
    """
    clock = platform.clock
    if not platform.origin.simulated or not isinstance(clock, PacedClock):
        return
    if platform.settings.kafka is not None:
        raise UsageError(f"TIDEMARK_BUS: {UNNAMED}")
    say(f"{UNNAMED}; its market is always open, around the last marks")
    say(f"its clock continues at {clock():%Y-%m-%d %H:%M}")
    clock.run(FAR)


async def _history(platform: Platform, args: argparse.Namespace, entropy: HandedOver) -> Census:
    """Trade the part of the history that is not traded yet, and print its summary."""
    spec = await _spec(platform)
    entropy.reseed(spec.seed)
    say(opening(spec, new=not platform.origin.written))
    clock = platform.clock
    assert isinstance(clock, PacedClock)
    outcome = await history(platform, args, spec, clock=clock)
    answer = await figures(platform, outcome)
    print(json.dumps(answer) if wants_json(args) else table(answer), flush=True)
    entropy.hand_over()
    platform.origin = await origin_of(platform.log, platform.settings.data_dir)
    return outcome.census


async def _spec(platform: Platform) -> Spec:
    """The part of the log's run to trade as history: the demo's year, or another run's closed days.

    An empty log gets the demo's run.

    Raises:
        UsageError: the log does not name its run.
    """
    run = platform.origin.run
    if run.first_day is None:
        if platform.origin.written:
            raise UsageError(UNNAMED)
        return DEMO
    house: Any = (await platform.handler.state("house-main"))[0]
    closed = max(house.last_day or run.first_day, run.first_day)
    spec = Spec(
        first=run.first_day,
        last=DEMO.last,
        accounts=run.accounts,
        seed=run.seed,
        faults=run.faults,
    )
    if spec != DEMO:  # another run: up to its last closed day, or its first days
        spec = replace(spec, last=closed if house.last_day else closed + FIRST_DAYS)
    return replace(spec, last=max(spec.last, closed))


async def _play(
    platform: Platform,
    args: argparse.Namespace,
    file: PaceFile,
    *,
    opened: OpenBus | None,
    census: Census | None,
    listener: socket.socket,
) -> None:
    """Serve while the market of the log's run goes on from the log's end."""
    if not args.demo:
        now = f"{platform.clock():%Y-%m-%d %H:%M}"
        say(f"this log runs on a simulated clock, which continues at {now}")
    bus = None
    if opened is not None:  # the sagas follow the demo's clock, which is in this process
        worker = command_line("worker", "--views", "all")
        bus = BusSide(platform, opened, worker=worker, sagas=False)
    drive = await demo_drive(platform, pace=file.pace, news=say, bus=bus)
    # If the log is unreadable, commands still work, and the market reports why it stopped.
    with Bar(quiet=wants_json(args)) as bar, suppress(Unreadable):
        await drive.market.check(None if census else bar.show_check, census=census)

    async def screen(url: str) -> None:
        try:
            say(await first_screen(url, platform, file.pace()))
        except Unreadable as e:  # serve nevertheless
            _log.error("cannot show the commands to try: %s", e)

    await _serve(platform, listener, drive, greet=screen)


async def _serve(
    platform: Platform, listener: socket.socket, drive: Drive, *, greet: Greet | None = None
) -> None:
    """Answer requests and run the drive until SIGINT or SIGTERM."""
    from api.app import create_app  # noqa: PLC0415 - takes a second, and other verbs do not need it

    stop = asyncio.Event()
    config = platform.settings
    room_for(config.connections)
    site = Site.of([*config.hosts, config.host], config.origins)
    app = create_app(platform, drive.views, facts=drive.loader, troubles=drive.troubles, site=site)
    limits = Limits(
        connections=config.connections,
        connections_each=config.connections_each,
        bodies_bytes=config.bodies_mb << 20,
    )
    server = Door(app, limits, forwarded=config.forwarded, timeout_graceful_shutdown=10)
    _listen(listener)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, _stopper(server))
    driving = asyncio.create_task(drive.run(stop), name="drive")
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        say(f"ready {url}")
        if greet is not None:
            await greet(url)
    await asyncio.wait([driving, serving], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    try:
        await serving  # commands under way end first, while the drive still runs
    finally:
        stop.set()
        await driving


def _stopper(server: uvicorn.Server) -> Any:
    def handler() -> None:
        server.force_exit = server.should_exit  # a second signal: do not wait for requests
        server.should_exit = True

    return handler


def _bound(args: argparse.Namespace, config: Settings) -> socket.socket:
    """Bind a socket to our address; it refuses connections until `_listen`.

    Raises:
        SettingsError: the address is not ours, or another process listens on it.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except OSError as e:
        listener.close()
        elsewhere = isinstance(e, socket.gaierror) or e.errno == errno.EADDRNOTAVAIL
        port = "TIDEMARK_PORT" if args.port is None else "--port"
        fault = f"{config.host}:{config.port}: {e.strerror}"
        raise SettingsError(f"{'TIDEMARK_HOST' if elsewhere else port}: {fault}") from e
    return listener


def _listen(listener: socket.socket) -> None:
    """Let callers connect.

    Raises:
        SettingsError: another process was bound to the port too, and was the first to listen.
    """
    try:
        listener.listen()
    except OSError as e:
        port = listener.getsockname()[1]
        raise SettingsError(f"port {port}: {e.strerror}; pick another with --port") from e

"""`tidemark serve`: the platform up, on its embedded engines unless the settings say otherwise.

With `--demo` it first trades a year of real market history for 100 accounts (or goes on with
what is there), prints the summary, and then serves the result.
"""

import argparse
import asyncio
import json
import logging
import signal
import socket
import sys
from datetime import UTC, datetime
from typing import Any

import uvicorn

from adapters.clock import OffsetClock
from adapters.settings import Settings, SettingsError
from adapters.wiring import Platform, open_platform
from adapters.worker_wiring import open_bus
from api.cli import say, settings, wants_json
from api.cli.doors import Door
from api.cli.simulate import simulate, spec_of
from api.cli.summary import table
from streams.bus_side import BusSide
from streams.live import live_drive

WS_FRAME_MAX = 1 << 20  # bytes, as of a body
DEMO = ["--accounts", "100", "--seed", "1"]


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = verbs.add_parser("serve", parents=[shared], help="bring the platform up")
    verb.add_argument("--port", type=int, default=None, help="default 8080; 0 picks a free one")
    verb.add_argument("--demo", action="store_true", help="first trade a year for 100 accounts")
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> int:
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s"
    )
    config = settings(args, port=args.port)
    if args.demo:
        answer = await _demo(args)
        print(json.dumps(answer) if wants_json(args) else table(answer), flush=True)
        if not sys.stdout.isatty():
            return 0
    clock = OffsetClock(datetime.fromisoformat(answer["ended_at"])) if args.demo else None
    async with await open_platform(config, verb="serve", clock=clock) as platform:
        if args.demo:
            say(f"the demo's clock goes on from {platform.clock():%Y-%m-%d %H:%M} UTC")
        if config.kafka is None:
            await _serve(platform, config, demo=args.demo)
            return 0
        opened = await open_bus(platform)
        try:
            ahead = (platform.clock() - datetime.now(UTC)).total_seconds()
            words = [f"--clock-ahead={ahead}"] if args.demo else []
            bus = BusSide(platform, opened, words=words)
            await _serve(platform, config, demo=args.demo, bus=bus)
        finally:
            opened.close()
    return 0


async def _demo(args: argparse.Namespace) -> dict[str, Any]:
    from api.cli import parser  # noqa: PLC0415 - the demo is the verb simulate with its defaults

    wanted = parser().parse_args(["simulate", *DEMO])
    for name in ("data_dir", "json"):
        if hasattr(args, name):
            setattr(wanted, name, getattr(args, name))
    return await simulate(wanted, spec_of(wanted))


async def _serve(
    platform: Platform, config: Settings, *, demo: bool, bus: BusSide | None = None
) -> None:
    from api.app import create_app  # noqa: PLC0415 - a second that other verbs need not wait

    drive = await live_drive(platform, bus)
    stop = asyncio.Event()
    listener = _listen(config)
    server = Door(
        uvicorn.Config(
            create_app(platform, drive.views, facts=drive.loader, troubles=drive.troubles),
            log_level="warning",
            ws="websockets-sansio",
            ws_max_size=WS_FRAME_MAX,
            timeout_graceful_shutdown=10,
        )
    )
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, _stopper(server))
    driving = asyncio.create_task(drive.run(stop), name="drive")
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        _greet(listener.getsockname()[1], demo=demo)
    await asyncio.wait([driving, serving], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    try:
        await serving  # commands that are under way end first: what drives them is still there
    finally:
        stop.set()
        await driving


def _stopper(server: uvicorn.Server) -> Any:
    def handler() -> None:
        server.force_exit = server.should_exit  # asked twice: wait for nobody
        server.should_exit = True

    return handler


def _listen(config: Settings) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except OSError as e:
        variable = "TIDEMARK_HOST" if isinstance(e, socket.gaierror) else "TIDEMARK_PORT"
        raise SettingsError(f"{variable}: {config.host}:{config.port}: {e.strerror}") from e
    return listener


def _greet(port: int, *, demo: bool) -> None:
    url = f"http://127.0.0.1:{port}"
    say(f"ready {url}")
    if not demo:
        return
    say(f"  GraphiQL      {url}/graphql")
    say(f"  OpenAPI       {url}/openapi.json")
    say(f"  health        {url}/readyz   metrics {url}/metrics")
    say("three things to try:")
    query = (
        '{"query":"{ account(id: \\"A00001\\") { nav { amount currency } positions { qty } } }"}'
    )
    say(f"  curl -s {url}/graphql -H 'content-type: application/json' -d '{query}'")
    order = (
        '{"order_id":"try-1","account_id":"A00001","instrument_id":"AAPL","side":"BUY",'
        '"qty":"1","ord_type":"MARKET"}'
    )
    say(
        f"  curl -s {url}/commands/PlaceOrder -H 'Idempotency-Key: try-1' "
        f"-H 'content-type: application/json' -d '{order}'"
    )
    say(
        '  uv run tidemark sql "SELECT account, unit, sum(amount) FROM postings '
        "WHERE book = 'C' GROUP BY account, unit ORDER BY account, unit\""
    )

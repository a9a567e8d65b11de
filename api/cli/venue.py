"""`tidemark venue`: a simulated FIX venue in a process of its own."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Any

import msgspec

from adapters.settings_error import SettingsError
from adapters.simulators.market import Market
from adapters.wiring.venue_simulator import VenueChoice, open_venue, read_marks
from api.cli import UsageError, add_verb, emit
from api.cli.doors import doors
from simulation.street import FAULTS

ABOUT = """\
Run a simulated venue: a FIX 4.4 acceptor that trades orders on a made-up market, misbehaves on
demand, and keeps its orders in its own files. TIDEMARK_VENUES connects a platform to it.
"""
MORE = """\
examples:
  tidemark venue --fix-port 5001 --folder /tmp/venue
  TIDEMARK_VENUES=fix://TIDEMARK:XSIM@127.0.0.1:5001 tidemark serve

Its page is on --port (default: a free one). docs/trading.md has the controls.
"""


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(verbs, shared, "venue", about=ABOUT, more=MORE)
    add_argument = verb.add_argument
    add_argument("--fix-port", type=int, required=True, help="the port for FIX")
    add_argument("--folder", type=Path, required=True, help="the folder for its own files")
    add_argument("--port", type=int, default=0, help="the port of its page (default: a free one)")
    add_argument("--comp-id", default="XSIM", help="its own CompID (default XSIM)")
    add_argument("--target", default="TIDEMARK", help="the platform's CompID (default TIDEMARK)")
    add_argument("--heartbeat", type=int, default=30, help="seconds between heartbeats (30)")
    add_argument("--marks", type=Path, help="a JSON file of last prices: {symbol: [price, unit]}")
    add_argument(
        "--history", type=int, metavar="SEED", help="trade on the real price history instead"
    )
    add_argument("--seed", type=int, default=0, help="of slices and faults (default 0)")
    add_argument(
        "--faults", choices=sorted(FAULTS), default="none", help="how it misbehaves (default none)"
    )
    add_argument(
        "--given-time", action="store_true", help="wait to be told the time: POST /advance"
    )
    for name, text in (("ca", "authorities of clients"), ("cert", "certificate"), ("key", "key")):
        add_argument(f"--{name}", default="", help=f"PEM file with its {text}: FIX over TLS")
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> None:
    from api.http.venue_app import create_venue_app  # noqa: PLC0415 - only this verb serves it

    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s"
    )
    async with open_venue(_choice(args), _market(args)) as venue:
        if args.marks is not None:
            prices, units = _marks(args.marks)
            venue.marks.update(prices)
            venue.units.update(units)
        app = create_venue_app(venue)

        async def line() -> str:
            return msgspec.json.encode(venue.server.status()).decode()

        async with doors(app, line, args, name="venue") as stop:
            try:
                await venue.server.run(stop)
            except ConnectionError as e:
                raise SettingsError(f"--fix-port {args.fix_port}: {e}") from e
        status = venue.server.status()
        emit(args, msgspec.to_builtins(status), f"{status.received} received, {status.sent} sent")


def _choice(args: argparse.Namespace) -> VenueChoice:
    tls = (args.ca, args.cert, args.key)
    if any(tls) and not all(tls):
        raise UsageError("--ca, --cert and --key belong together")
    return VenueChoice(
        comp_ids=(args.comp_id, args.target),
        port=args.fix_port,
        heartbeat_s=args.heartbeat,
        tls=tls if all(tls) else None,
        folder=args.folder,
        seed=args.seed,
        faults=FAULTS[args.faults].venue,
        given_time=args.given_time,
    )


def _market(args: argparse.Namespace) -> Market | None:
    if args.history is None:
        return None
    from streams.gateways.counterparties import history_market  # noqa: PLC0415 - reads prices

    return history_market(args.history)


def _marks(path: Path) -> Any:
    try:
        return read_marks(path.read_text())
    except OSError as e:
        raise UsageError(f"--marks: {path}: {e.strerror}") from None

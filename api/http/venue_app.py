"""The simulated venue's page and controls.

GET /  GET /status           what it is doing
POST /advance {"to": time}   tell it the time; answers when all due reports have left
POST /marks {symbol: [price, unit]}
POST /misbehave {"what": "disconnect" | "gap" | "silence", "amount": n}
"""

import html
import json
from datetime import datetime
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from adapters.settings_error import SettingsError
from adapters.street.venue_server import VenueStatus
from adapters.wiring.venue_simulator import OpenVenue, read_marks
from api.http.outside import Outside

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="refresh" content="2"><title>Simulated venue {name}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; color: #1c2733 }}
table {{ border-collapse: collapse; width: 100% }} td, th {{ padding: .3rem .6rem; text-align: left;
border-bottom: 1px solid #d5dde5 }} td.n {{ text-align: right; font-variant-numeric: tabular-nums }}
.up {{ color: #0a7d43 }} .down {{ color: #b3261e }}</style></head><body>
<h1>Simulated venue {name}</h1>
<p>FIX 4.4 on port {port}. Counterparty {target}: <b class="{state}">{said}</b>.
{received} messages received, {sent} sent, {disputed} trades disputed. Time {time} UTC.</p>
<h2>Open orders: {count}</h2><table><tr><th>Order<th>Symbol<th>Side<th>Quantity<th>Filled<th>Limit
<th>Time in force</tr>{rows}</table></body></html>"""


def create_venue_app(venue: OpenVenue) -> Starlette:
    answers = _Answers(venue)
    return Outside(
        routes=[
            Route("/", answers.page),
            Route("/status", answers.status),
            Route("/advance", answers.advance, methods=["POST"]),
            Route("/marks", answers.marks, methods=["POST"]),
            Route("/misbehave", answers.misbehave, methods=["POST"]),
        ]
    )


class _Answers:
    def __init__(self, venue: OpenVenue) -> None:
        self._venue = venue

    async def page(self, _: Request) -> Response:
        return HTMLResponse(_page(self._venue.server.status()))

    async def status(self, _: Request) -> Response:
        status = msgspec.json.encode(self._venue.server.status())
        return Response(status, media_type="application/json")

    async def advance(self, request: Request) -> Response:
        try:
            to = datetime.fromisoformat(str((await _body(request)).get("to")))
        except ValueError:
            return _wrong("to: an ISO 8601 time with its offset is needed")
        if to.tzinfo is None:
            return _wrong("to: an ISO 8601 time with its offset is needed")
        await self._venue.server.advance_to(to)
        return JSONResponse({"time": to.isoformat()})

    async def marks(self, request: Request) -> Response:
        try:
            prices, units = read_marks((await request.body()).decode(errors="replace"))
        except SettingsError as e:
            return _wrong(str(e))
        self._venue.marks.update(prices)
        self._venue.units.update(units)
        return JSONResponse({"marks": len(self._venue.marks)})

    async def misbehave(self, request: Request) -> Response:
        body = await _body(request)
        try:
            amount = int(body.get("amount", 1))
            await self._venue.server.misbehave(str(body.get("what", "")), amount)
        except (TypeError, ValueError) as e:
            return _wrong(str(e))
        return JSONResponse({"status": "done"})


async def _body(request: Request) -> dict[str, Any]:
    try:
        found = json.loads(await request.body() or b"{}")
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def _wrong(why: str) -> Response:
    return JSONResponse({"title": why}, 400, media_type="application/problem+json")


def _page(status: VenueStatus) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(o.order_id)}<td>{html.escape(o.symbol)}<td>{o.side}"
        f'<td class="n">{o.qty:f}<td class="n">{o.cum:f}'
        f'<td class="n">{"market" if o.limit is None else format(o.limit, "f")}'
        f"<td>{o.time_in_force}</tr>"
        for o in status.orders
    )
    return PAGE.format(
        name=html.escape(status.sender_comp_id),
        port=status.port,
        target=html.escape(status.target_comp_id),
        state="up" if status.logged_on else "down",
        said="logged on" if status.logged_on else "not logged on",
        received=status.received,
        sent=status.sent,
        disputed=status.disputed,
        time=f"{status.time:%Y-%m-%d %H:%M:%S}",
        count=len(status.orders),
        rows=rows,
    )

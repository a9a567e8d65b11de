"""Headers on every answer that allow a browser to show it and nothing more.

No browser may frame an answer, guess another type for it, let another site read it or keep it in a
cache. A page that needs a wider content policy (GraphiQL) sends its own, and that one is kept.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
DEFAULTS = {b"content-security-policy": POLICY.encode(), b"cache-control": b"no-store"}
PLAIN = [*ALWAYS, *DEFAULTS.items()]
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})


class AnswerHeaders:
    """ASGI middleware; the outermost, so that answers to refusals and bugs have the headers too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] in _STARTS:
                message["headers"] = with_headers(list(message.get("headers", ())))
            await send(message)

        await self._app(scope, receive, send_with_headers)


def with_headers(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Add `ALWAYS`, and each header of `DEFAULTS` that the answer has not set itself."""
    present = {name for name, _ in headers if name in DEFAULTS}
    if not present:
        return headers + PLAIN
    return headers + ALWAYS + [(k, v) for k, v in DEFAULTS.items() if k not in present]

"""What a web page may do here: the same rules for every endpoint, HTTP and WebSocket.

A browser sends requests for any page that it shows, also to this machine. So each request is
checked against four rules; the first broken rule decides the answer:

    one Host, of a name that is ours           421 host_not_allowed (400 host_invalid)
    an Origin, where sent, of our own pages    403 origin_not_allowed
    no page of another site                    403 cross_site (a link without parameters may)
    each of these headers once                 400 header_repeated

Endpoints that take a body add a fifth: a content type that no plain form can send (415,
`api.http.bodies`). A page that reaches us under its own host name (DNS rebinding) breaks the first
rule. Programs that send neither Origin nor Sec-Fetch-Site are not affected.
"""

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.problems import Problem, refuse

SINGLE = frozenset(
    {
        b"content-encoding", b"content-length", b"content-type", b"host", b"idempotency-key",
        b"origin", b"sec-fetch-dest", b"sec-fetch-mode", b"sec-fetch-site", b"x-actor",
    }
)  # fmt: skip
"""Headers that a request may have once: of two values it is unclear which one is meant."""
SAFE_SITES = frozenset({b"same-origin", b"none"})
KNOWN_MAX = 64  # accepted values of Host that are cached

OWS = b" \t"  # allowed around a value, not part of it (RFC 9110, 5.6.3)

_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(?::([0-9]{1,5}))?")
_ORIGIN = re.compile(rf"(https?)://{_HOST.pattern}")
_PORTS = {"http": "80", "https": "443"}


class Site(NamedTuple):
    """The names under which callers reach the platform."""

    hosts: frozenset[str] = frozenset()  # beside the loopback's; lower case, IPv6 in brackets
    origins: frozenset[str] = frozenset()  # beside the request's own; needed behind a TLS gateway

    @classmethod
    def of(cls, hosts: Iterable[str], origins: Iterable[str] = ()) -> "Site":
        return cls(frozenset(map(_plain, hosts)), frozenset(map(_origin, origins)))

    def has(self, name: str) -> bool:
        return name == "localhost" or name in self.hosts or _is_loopback(name)


class Browsers:
    """ASGI middleware; the outermost one that may refuse a request.

    Args:
        known: values of Host that were accepted; filled here, at most `KNOWN_MAX`.
    """

    def __init__(self, app: ASGIApp, site: Site, known: set[bytes]) -> None:
        self._app, self._site = app, site
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            try:
                self._check(scope)
            except Problem as problem:
                await refuse(problem, scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        """Raise a Problem for the first rule that the request breaks."""
        found: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in SINGLE:
                if name in found and name != b"host":
                    raise Problem(400, "header_repeated", f"send one header {name.decode()}")
                if name in found:
                    raise Problem(400, "host_invalid", "send one header Host")
                found[name] = value.strip(OWS) if name == b"host" else value
        host = found.get(b"host")
        if host not in self._known:
            self._check_host(host)
        if b"origin" in found:
            self._check_origin(found[b"origin"], scope["scheme"], found[b"host"])
        if found.get(b"sec-fetch-site", b"none") not in SAFE_SITES and not _followed(scope, found):
            raise Problem(403, "cross_site", "a page of another site may only link here")

    def _check_host(self, host: bytes | None) -> None:
        if not host:
            raise Problem(400, "host_invalid", "send one header Host")
        spelled = _HOST.fullmatch(host.decode("latin-1").lower())
        if spelled is None or not self._site.has(_plain(spelled[1])):
            rule = "Host must be localhost, a loopback address or one of TIDEMARK_ALLOWED_HOSTS"
            raise Problem(421, "host_not_allowed", rule)
        if len(self._known) < KNOWN_MAX:
            self._known.add(host)

    def _check_origin(self, origin: bytes, scheme: str, host: bytes) -> None:
        ours = scheme.replace("ws", "http") + "://" + host.decode("latin-1")
        sent = _origin(origin.decode("latin-1"))
        if sent != _origin(ours) and sent not in self._site.origins:
            rule = "Origin must be that of the request or one of TIDEMARK_ALLOWED_ORIGINS"
            raise Problem(403, "origin_not_allowed", rule)


def _followed(scope: Scope, found: Mapping[bytes, bytes]) -> bool:
    """Whether a person followed a link to one of our pages, opened as a page of its own.

    A link with parameters is not accepted: it could do more than open the page.
    """
    return (
        scope["type"] == "http"
        and not scope["query_string"]
        and scope["method"] == "GET"
        and found.get(b"sec-fetch-mode") == b"navigate"
        and found.get(b"sec-fetch-dest") == b"document"
        and b"origin" not in found
    )


def _origin(text: str) -> str:
    """Normalise an origin: lower case, without the scheme's default port.

    A text that is no origin ("null" for example) gives "", which no allowed origin equals.
    """
    found = _ORIGIN.fullmatch(text.lower())
    if found is None:
        return ""
    scheme, name, port = found.groups()
    shown = f":{port}" if port and port != _PORTS[scheme] else ""
    return f"{scheme}://{_plain(name)}{shown}"


def _plain(name: str) -> str:
    """Normalise a host name: lower case, no final dot, IPv6 in brackets."""
    name = name.lower().removesuffix(".")
    bare = name.strip("[]")
    if ":" not in bare:
        return name
    try:
        return f"[{IPv6Address(bare)}]"
    except ValueError:
        return name


def _is_loopback(name: str) -> bool:
    try:
        ip = ip_address(name.strip("[]"))
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_loopback

"""Requests that a web page may send to our endpoints: any page, any endpoint."""

from collections.abc import MutableMapping
from typing import Any

import pytest

from api.http.answer_headers import with_headers
from api.http.browsers import Site
from api.http.outside import Outside

OURS = "127.0.0.1:8080"
SITE = Site.of(
    ["tidemark.example", "Desk.Example.", "fd00::1", "10.0.0.7"], ["https://desk.example:443"]
)
Headers = list[tuple[str, str]]


async def asked(
    headers: Headers,
    *,
    method: str = "POST",
    kind: str = "http",
    query: str = "",
    path: str = "/commands/DepositCash",
    scheme: str = "",
) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of the answer; a 404 is the app's: the request was let through."""
    scope: dict[str, Any] = {
        "type": kind, "path": path, "raw_path": path.encode(), "root_path": "",
        "query_string": query.encode(), "scheme": scheme or ("ws" if kind == "websocket" else kind),
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in headers],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080), "http_version": "1.1",
        "extensions": {"websocket.http.response": {}}, "subprotocols": [],
    }  # fmt: skip
    if kind == "http":
        scope["method"] = method
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "websocket.connect" if kind == "websocket" else "http.request", "body": b""}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await Outside(site=SITE)(scope, receive, send)
    start = sent[0]
    if start["type"] == "websocket.close":
        return (
            404,
            {},
            b"",
        )  # refused by the app, which has no such socket
    found = {k.decode(): v.decode() for k, v in start["headers"]}
    return start["status"], found, b"".join(m.get("body", b"") for m in sent[1:])


async def status(headers: Headers, **more: Any) -> int:
    return (await asked(headers, **more))[0]


DOORS = [("http", "POST"), ("websocket", "GET")]


@pytest.mark.parametrize(
    "host",
    [
        OURS, "localhost", "LOCALHOST:1", "localhost.:8080", "127.0.0.53", "[::1]:8080", "[::1]",
        "[0:0:0:0:0:0:0:1]:80", "[::ffff:127.0.0.1]", "tidemark.example", "TIDEMARK.example:443",
        "tidemark.example.", "desk.example:8080", "[fd00::1]:8080", "[fd00:0::1]", "10.0.0.7:1",
    ],
)  # fmt: skip
@pytest.mark.parametrize(("kind", "method"), [*DOORS, ("http", "GET")])
async def test_we_answer_to_our_own_names_at_any_port(host: str, kind: str, method: str) -> None:
    assert await status([("Host", host)], kind=kind, method=method) == 404


@pytest.mark.parametrize("host", [f"{OURS}\t", f"\t{OURS}", f" \t {OURS} \t ", "[::1]:80\t"])
@pytest.mark.parametrize(("kind", "method"), [*DOORS, ("http", "GET")])
async def test_blanks_around_a_host_are_no_part_of_it(host: str, kind: str, method: str) -> None:
    assert await status([("Host", host)], kind=kind, method=method) == 404
    origin = f"http://{host.strip()}"
    assert await status([("Host", host), ("Origin", origin)], kind=kind, method=method) == 404


@pytest.mark.parametrize("host", ["evil.example\t", "\t", " ", "127.0.0.1\t.evil.example"])
async def test_blanks_make_no_name_ours(host: str) -> None:
    assert await status([("Host", host)]) in (400, 421)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example",
        "evil-localhost", "xlocalhost", "tidemark.example.evil", "0.0.0.0:8080", "10.0.0.8",
        "127.1", "2130706433", "0x7f.1", "[::2]", "[fe80::1]", "[::1", "::1", "localhost:port",
        "localhost:8080:1", "localhost@evil", "local host", "localhost,evil.example", "localhost/",
        "user@localhost", "localhost..", ".", "lo\xe7alhost", "[::1%25lo]", "*", "localhost:999999",
    ],
)  # fmt: skip
@pytest.mark.parametrize(("kind", "method"), [*DOORS, ("http", "GET")])
async def test_no_other_name_leads_here_so_a_name_cannot_be_rebound(
    host: str, kind: str, method: str
) -> None:
    headers = [("Host", host), ("Origin", f"http://{host}")]
    answer = await asked(headers, kind=kind, method=method)
    assert answer[0] == 421
    assert b'"host_not_allowed"' in answer[2] and b"TIDEMARK_ALLOWED_HOSTS" in answer[2]
    assert answer[1]["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "headers", [[], [("Host", "")], [("Host", OURS)] * 2, [("Host", OURS), ("Host", "evil")]]
)
async def test_a_request_names_one_host(headers: Headers) -> None:
    answer = await asked(headers)
    assert answer[0] == 400 and b"host_invalid" in answer[2]


@pytest.mark.parametrize(
    ("host", "origin", "scheme"),
    [
        (OURS, f"http://{OURS}", "http"),
        (OURS, f"HTTP://{OURS}", "http"),
        ("localhost", "http://localhost:80", "http"),
        ("localhost:80", "http://localhost", "http"),
        ("tidemark.example", "https://tidemark.example:443", "https"),
        ("[::1]:8080", "http://[0:0::1]:8080", "http"),
        ("desk.example", "https://desk.example", "http"),
    ],
)
@pytest.mark.parametrize(("kind", "method"), DOORS)
async def test_our_own_pages_may_ask(
    host: str, origin: str, scheme: str, kind: str, method: str
) -> None:
    spoken = scheme.replace("http", "ws") if kind == "websocket" else scheme
    headers = [("Host", host), ("Origin", origin), ("Sec-Fetch-Site", "same-origin")]
    assert await status(headers, kind=kind, method=method, scheme=spoken) == 404


@pytest.mark.parametrize(
    "origin",
    [
        "null", "", "https://evil.example", "http://evil.example:8080", f"https://{OURS}",
        "http://127.0.0.1", "http://127.0.0.1:8081", "http://localhost:8080", f"{OURS}", "file://",
        f"http://{OURS}/", f"http://{OURS}.evil.example", f"http://evil@{OURS}", "http://desk.example",
        "https://desk.example:8443", f"http://{OURS} ", f"http://{OURS},http://evil", "*",
        "chrome-extension://abcdef", f"ws://{OURS}",
    ],
)  # fmt: skip
@pytest.mark.parametrize(("kind", "method"), [*DOORS, *[("http", m) for m in ("GET", "PUT")]])
async def test_no_other_page_may_ask(origin: str, kind: str, method: str) -> None:
    answer = await asked([("Host", OURS), ("Origin", origin)], kind=kind, method=method)
    assert answer[0] == 403 and b"origin_not_allowed" in answer[2]


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "Same-Origin", "nonsense"])
@pytest.mark.parametrize(("kind", "method"), [*DOORS, ("http", "GET")])
async def test_a_page_of_another_site_may_not_ask_even_without_an_origin(
    site: str, kind: str, method: str
) -> None:
    headers = [("Host", OURS), ("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "no-cors")]
    answer = await asked(headers, kind=kind, method=method)
    assert answer[0] == 403 and b"cross_site" in answer[2]


@pytest.mark.parametrize(
    ("method", "mode", "dest", "expected"),
    [
        ("GET", "navigate", "document", 404),
        ("POST", "navigate", "document", 403),
        ("GET", "navigate", "iframe", 403),
        ("GET", "navigate", "object", 403),
        ("GET", "no-cors", "image", 403),
        ("GET", "cors", "empty", 403),
    ],
)
async def test_a_link_from_elsewhere_may_be_followed_and_no_more(
    method: str, mode: str, dest: str, expected: int
) -> None:
    headers = [
        ("Host", OURS), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", mode),
        ("Sec-Fetch-Dest", dest),
    ]  # fmt: skip
    assert await status(headers, method=method, path="/graphql") == expected
    answer = await asked(headers, method=method, path="/graphql", query="query=%7Blog%7D")
    assert answer[0] == 403 and b"cross_site" in answer[2], "a link says nothing to do"


@pytest.mark.parametrize("site", ["none", "same-origin"])
async def test_an_address_typed_in_is_no_other_site(site: str) -> None:
    assert await status([("Host", OURS), ("Sec-Fetch-Site", site)], method="GET") == 404


@pytest.mark.parametrize(
    "name",
    ["Idempotency-Key", "Content-Type", "Content-Encoding", "X-Actor", "Origin", "Sec-Fetch-Site"],
)
async def test_a_header_that_decides_something_comes_once(name: str) -> None:
    answer = await asked([("Host", OURS), (name, "a"), (name.upper(), "b")])
    assert answer[0] == 400
    assert b"header_repeated" in answer[2] and name.lower().encode() in answer[2]


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        ("/commands/DepositCash", "dry_run=true&dry_run=false", "dry_run"),
        ("/commands/DepositCash", "dry_run=true&dry%5Frun=true", "dry_run"),
        ("/commands/DepositCash", "DRY_RUN=true", "DRY_RUN"),
        ("/commands/DepositCash", "dryrun=true", "dryrun"),
        ("/commands/DepositCash", "dry_run%20=true", "dry_run "),
        ("/commands/DepositCash", "dry_run=true&x=1", "x"),
        ("/commands", "Dry_Run=1", "Dry_Run"),
        ("/graphql", "query={log{position}}", "query"),
        ("/warehouse", "sql=1", "sql"),
        ("/healthz", "a=", "a"),
        ("/openapi.json", "v=1", "v"),
        ("/commands/DepositCash", "=true", ""),
        ("/commands/DepositCash", "dry_run", None),
        ("/commands/DepositCash", "dry_run=%ff", None),
        ("/commands/DepositCash", "&".join(f"a{i}=1" for i in range(200)), None),
    ],
)
async def test_a_parameter_that_the_door_does_not_know_or_comes_twice_is_named(
    path: str, query: str, named: str | None
) -> None:
    answer = await asked([("Host", OURS)], path=path, query=query)
    assert answer[0] == 400 and b"parameter_invalid" in answer[2]
    if named is not None:
        assert f'"parameter":"{named}"'.encode() in answer[2]


@pytest.mark.parametrize(
    ("path", "method", "query"),
    [
        ("/commands/DepositCash", "POST", "dry_run=true"),
        ("/commands", "POST", "dry%5Frun=true"),
        ("/graphql", "GET", "query=%7Blog%7Bposition%7D%7D&variables=%7B%7D&operationName=a"),
    ],
)
async def test_a_parameter_that_the_door_knows_passes(path: str, method: str, query: str) -> None:
    assert await status([("Host", OURS)], path=path, method=method, query=query) == 404


@pytest.mark.parametrize("headers", [[("Host", OURS)], [("Host", "evil")], []])
async def test_every_answer_tells_the_browser_to_do_nothing_with_it(headers: Headers) -> None:
    found = (await asked(headers))[1]
    assert "default-src 'none'" in found["content-security-policy"]
    assert "frame-ancestors 'none'" in found["content-security-policy"]
    assert found["x-content-type-options"] == "nosniff"
    assert found["x-frame-options"] == "DENY"
    assert found["referrer-policy"] == "no-referrer"
    assert found["cross-origin-resource-policy"] == "same-origin"
    assert found["cache-control"] == "no-store"
    assert "server" not in found


def test_a_page_with_a_policy_of_its_own_keeps_it() -> None:
    own = (b"content-security-policy", b"script-src 'self'")
    found = with_headers([own])
    assert [v for k, v in found if k == own[0]] == [own[1]]
    assert (b"cache-control", b"no-store") in found

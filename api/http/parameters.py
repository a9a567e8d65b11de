"""Query parameters: each endpoint lists its own; any other one is refused, not ignored.

Otherwise a typing error (`dryrun`, `DRY_RUN`, `dry_run` twice) would run a command for real that
was meant as a dry run.
"""

from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.echo import short_name
from api.http.problems import Problem, refuse

ENDPOINTS: dict[str, frozenset[str]] = {
    "commands": frozenset({"dry_run"}),
    "graphql": frozenset({"query", "variables", "operationName", "extensions"}),
}
"""First step of the path -> its parameters; every other endpoint has none."""
PARAMETERS_MAX = 100


class Parameters:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("query_string"):
            try:
                check(scope["path"], scope["query_string"], scope.get("method", ""))
            except Problem as problem:
                await refuse(problem, scope, receive, send)
                return
        await self._app(scope, receive, send)


def check(path: str, query: bytes, method: str) -> None:
    """Check the query string of a request against the parameters of its endpoint.

    Raises:
        Problem: 400 naming the parameter.
    """
    endpoint = path.split("/", 2)[1] if "/" in path else ""
    known = ENDPOINTS.get(endpoint, frozenset())
    if endpoint == "graphql" and method != "GET":
        known = frozenset()  # a POST has them in the body
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict",
            max_num_fields=PARAMETERS_MAX,
        )  # fmt: skip
    except ValueError:
        raise _refused("", "the query string must be name=value pairs in UTF-8") from None
    seen: set[str] = set()
    for name, _ in pairs:
        if name not in known:
            taken = f"takes only {', '.join(sorted(known))}" if known else "takes none"
            raise _refused(name, f"is not a parameter of this endpoint, which {taken}")
        if name in seen:
            raise _refused(name, "is there twice")
        seen.add(name)


def _refused(name: str, says: str) -> Problem:
    shown = short_name(name)
    return Problem(400, "parameter_invalid", f"{shown}: {says}" if name else says, parameter=shown)

"""GraphiQL without a CDN: its page, and its scripts from an installed package.

The scripts (GraphiQL, React 17, graphql-ws) are the static files of the package
`graphene-django-graphiql-static` (BSD-3), read from its folder; the package is never imported.
"""

import re
from base64 import b64encode
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

PACKAGE = "graphene_django_graphiql_static"
AT = "/graphiql"
SAMPLE = """# An account as it is. To see it as it was,
# put asOf: "2021-06-30T23:59:00Z" after its id.
{
  account(id: "A00001") {
    baseCurrency
    nav { amount currency }
    cash { currency settled available }
    positions {
      instrument { symbol }
      qty
      averageCost
      marketValue
      unrealizedPnl
    }
  }
}
"""
"""The lines are short, to fit into half a window of 1280 pixels."""


def static() -> Mount:
    """The route to the scripts.

    Raises:
        FileNotFoundError: the package with the scripts is not installed.
    """
    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, "static", PACKAGE)
        if path.is_dir():
            return Mount(AT, StaticFiles(directory=path), name="graphiql")
    raise FileNotFoundError(f"install the package {PACKAGE!r}, which holds GraphiQL's scripts")


def _inline() -> str:
    """The page's inline script; the page's policy has its hash."""
    sample = re.sub(r"[`\\$]", lambda m: "\\" + m.group(), SAMPLE)
    return f"""
    const socket = location.origin.replace(/^http/, 'ws') + location.pathname;
    const fetcher = GraphiQL.createFetcher({{
      url: location.pathname,
      wsClient: graphqlWs.createClient({{ url: socket, lazy: true }}),
    }});
    ReactDOM.render(
      React.createElement(GraphiQL, {{ fetcher, defaultQuery: `{sample}` }}),
      document.getElementById('graphiql'));
  """


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


_SCRIPT = _inline()
_STYLE = """:root { color-scheme: light dark; }
html, body, #graphiql { height: 100vh; margin: 0; }
@media (max-width: 700px) {
  .graphiql-container .graphiql-session { flex-direction: column; }
  .graphiql-container .graphiql-session > .graphiql-horizontal-drag-bar { display: none; }
}"""

PAGE = f"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Tidemark GraphiQL</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="{AT}/graphiql.min.css">
  <style>{_STYLE}</style>
  <script src="{AT}/react.production.min.js"></script>
  <script src="{AT}/react-dom.production.min.js"></script>
  <script src="{AT}/graphql-ws.min.js"></script>
  <script src="{AT}/graphiql.min.js"></script>
</head>
<body>
  <div id="graphiql"></div>
  <script>{_SCRIPT}</script>
</body>
</html>
"""

POLICY = "; ".join(
    [
        "default-src 'none'",
        f"script-src 'self' {_hash(_SCRIPT)}",
        f"style-src 'self' {_hash(_STYLE)}",
        "connect-src 'self'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
"""The page may load only our own files, and its own inline script and style."""

ALONE = {"Cross-Origin-Opener-Policy": "same-origin"}
"""A page of another origin that opens this one, or is opened by it, cannot access it."""

"""GraphiQL without a content network: its page, and its scripts out of an installed package.

The scripts (GraphiQL, React 17, graphql-ws) are the static files of the package
`graphene-django-graphiql-static` (BSD-3), read where it lies; the package is never imported.
"""

import re
from importlib.util import find_spec
from pathlib import Path

from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

PACKAGE = "graphene_django_graphiql_static"
AT = "/graphiql"
SAMPLE = """# An account as it is. Add asOf: "2022-06-30T23:59:00Z" to see it as it was.
{
  account(id: "A00001") {
    baseCurrency
    nav { amount currency }
    cash { currency traded settled reserved available }
    positions { instrument { symbol } qty settledQty averageCost marketValue unrealizedPnl }
  }
}
"""


def static() -> Mount:
    """The route of the scripts.

    Raises:
        FileNotFoundError: the package with the scripts is not installed.
    """
    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, "static", PACKAGE)
        if path.is_dir():
            return Mount(AT, StaticFiles(directory=path), name="graphiql")
    raise FileNotFoundError(f"install the package {PACKAGE!r}, which holds GraphiQL's scripts")


def page() -> str:
    sample = re.sub(r"[`\\$]", lambda m: "\\" + m.group(), SAMPLE)
    return f"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Tidemark GraphiQL</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="{AT}/graphiql.min.css">
  <style>html, body, #graphiql {{ height: 100vh; margin: 0; }}</style>
  <script src="{AT}/react.production.min.js"></script>
  <script src="{AT}/react-dom.production.min.js"></script>
  <script src="{AT}/graphql-ws.min.js"></script>
  <script src="{AT}/graphiql.min.js"></script>
</head>
<body>
  <div id="graphiql"></div>
  <script>
    const socket = location.origin.replace(/^http/, 'ws') + location.pathname;
    const fetcher = GraphiQL.createFetcher({{
      url: location.pathname,
      wsClient: graphqlWs.createClient({{ url: socket, lazy: true }}),
    }});
    ReactDOM.render(
      React.createElement(GraphiQL, {{ fetcher, defaultQuery: `{sample}` }}),
      document.getElementById('graphiql'));
  </script>
</body>
</html>
"""

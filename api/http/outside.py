"""A Starlette app that checks every request and adds its headers to every answer.

request --AnswerHeaders--> Browsers --> Parameters --> Starlette's own (errors, routes)
"""

from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp

from api.http.answer_headers import AnswerHeaders
from api.http.browsers import Browsers, Site
from api.http.parameters import Parameters
from api.http.short_way import ShortWay


class Outside(Starlette):
    """`short_way`: how `api.http.http_protocol` may answer a command without this app."""

    def __init__(self, *, site: Site = Site(), **given: Any) -> None:  # noqa: B008 - immutable
        self._site = site
        self.known_hosts: set[bytes] = set()
        self.short_way: ShortWay | None = None
        super().__init__(**given)

    def build_middleware_stack(self) -> ASGIApp:
        """Wrap the whole stack, the handler for bugs included."""
        inner = Parameters(super().build_middleware_stack())
        vetted = Browsers(inner, self._site, self.known_hosts)
        return AnswerHeaders(vetted)

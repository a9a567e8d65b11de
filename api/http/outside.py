"""A Starlette app that checks every request and adds its headers to every answer.

request --AnswerHeaders--> Browsers --> Parameters --> Starlette's own (errors, routes)
"""

from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp

from api.http.answer_headers import AnswerHeaders
from api.http.browsers import Browsers, Site
from api.http.parameters import Parameters


class Outside(Starlette):
    def __init__(self, *, site: Site = Site(), **given: Any) -> None:  # noqa: B008 - immutable
        self._site = site
        super().__init__(**given)

    def build_middleware_stack(self) -> ASGIApp:
        """Wrap the whole stack, the handler for bugs included."""
        vetted = Browsers(Parameters(super().build_middleware_stack()), self._site)
        return AnswerHeaders(vetted)

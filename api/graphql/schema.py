"""The schema, as one object a platform and as text for the docs."""

from collections.abc import Callable

import strawberry
from graphql import GraphQLError
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from api.graphql.desk import Desk
from api.graphql.limits import Limits
from api.graphql.roots import Figures, Keys, Lists
from api.graphql.subscriptions import Subscription

CACHED = 256  # documents


@strawberry.type
class Query(Keys, Lists, Figures, Desk):
    pass


class Schema(strawberry.Schema):
    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Nothing: what is a bug was logged when it was given its code (`faults.told`)."""


def schema(operations: Callable[[], SchemaExtension]) -> strawberry.Schema:
    """The executable schema; `operations` makes what surrounds each operation."""
    return Schema(
        query=Query,
        subscription=Subscription,
        extensions=[
            operations,
            Limits,
            lambda: ParserCache(maxsize=CACHED),
            lambda: ValidationCache(maxsize=CACHED),
        ],
        config=StrawberryConfig(auto_camel_case=True),
    )


def sdl() -> str:
    """The schema in GraphQL's own language, as `docs/schema.graphql` holds it."""
    return schema(SchemaExtension).as_str() + "\n"

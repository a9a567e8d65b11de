"""The schema, as one object a platform and as text for the docs."""

from collections.abc import Callable

import strawberry
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig

from api.graphql.desk import Desk
from api.graphql.limits import Limits
from api.graphql.roots import Figures, Keys, Lists
from api.graphql.subscriptions import Subscription

CACHED = 256  # documents


@strawberry.type
class Query(Keys, Lists, Figures, Desk):
    pass


def schema(operations: Callable[[], SchemaExtension]) -> strawberry.Schema:
    """The executable schema; `operations` makes what surrounds each operation."""
    return strawberry.Schema(
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

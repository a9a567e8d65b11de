"""The schema: an executable object for each platform, and text for the docs."""

from collections.abc import Callable
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types.execution import ExecutionResult
from strawberry.types.graphql import OperationType

from api.graphql.desk import Desk
from api.graphql.desk_controls import DeskControls
from api.graphql.engine.documents import Documents
from api.graphql.engine.faults import public_error
from api.graphql.fix import FixRoots
from api.graphql.roots import Figures, Keys, Lists
from api.graphql.street import StreetRoots
from api.graphql.subscriptions import Subscription


@strawberry.type
class Query(Keys, Lists, Figures, Desk, FixRoots, StreetRoots, DeskControls):
    pass


class Schema(strawberry.Schema):
    async def execute(self, *args: Any, **named: Any) -> ExecutionResult:
        """Answer an operation over HTTP. Subscriptions have many answers: see `Documents`."""
        allowed = set(named.pop("allowed_operation_types", None) or OperationType)
        named["allowed_operation_types"] = allowed - {OperationType.SUBSCRIPTION}
        return await super().execute(*args, **named)

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Give each error its code, in place; every answer passes through here."""
        errors[:] = [public_error(error) for error in errors]


def schema(operations: Callable[[], SchemaExtension]) -> strawberry.Schema:
    """The executable schema; `operations` makes the extension that wraps each operation."""
    return Schema(
        query=Query,
        subscription=Subscription,
        extensions=[operations, Documents],
        config=StrawberryConfig(auto_camel_case=True),
    )


def sdl() -> str:
    """The schema as SDL text, the content of `docs/schema.graphql`."""
    return schema(SchemaExtension).as_str() + "\n"

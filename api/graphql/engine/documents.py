"""Turns text into a document that may run: parse, check the limits, validate; with caches.

    text --check_text--> parse (cached) --check--> validate (cached) --> execution

A subscription runs only over the socket, where its operation type is allowed.
No hook here raises: over a socket that would end the connection, not the operation. Every error
becomes one of the operation's errors.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    parse,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document
from strawberry.types.graphql import OperationType as Kind

from api.graphql.engine.faults import INVALID, NEEDS_SOCKET, fault
from api.graphql.engine.limits import TOKENS_MAX, check, check_text
from api.http.echo import short_name

CACHED = 256  # documents, of at most `TEXT_MAX` characters

_SOCKET = (
    "a subscription is sent over a WebSocket to /graphql (protocol graphql-transport-ws),"
    " not in an HTTP request"
)
_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,100}")


class Documents(SchemaExtension):
    _errors: list[GraphQLError]

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        self._errors = []
        try:
            document = _parse(context.query or "")
            operation = _operation_of(document, context.operation_name)
            if operation.operation is OperationType.SUBSCRIPTION and not self._streams():
                raise fault(NEEDS_SOCKET, _SOCKET)
            context.graphql_document = document
        except GraphQLError as error:
            self._errors = [error]
            context.graphql_document = _stand_in(context.operation_name)
        yield

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        context.pre_execution_errors = self._errors or self._objections()
        yield

    def _streams(self) -> bool:
        return Kind.SUBSCRIPTION in self.execution_context.allowed_operations

    def _objections(self) -> list[GraphQLError]:
        context = self.execution_context
        schema, document = context.schema._schema, context.graphql_document
        assert document is not None
        try:
            check(document, schema, context.variables or {})
        except GraphQLError as error:
            return [error]
        return list(_validate(schema, context.query or "", tuple(context.validation_rules)))


@lru_cache(CACHED)
def _parse(text: str) -> DocumentNode:
    check_text(text)
    return parse(text, max_tokens=TOKENS_MAX)


@lru_cache(CACHED)
def _validate(
    schema: GraphQLSchema, text: str, rules: tuple[type, ...]
) -> tuple[GraphQLError, ...]:
    return tuple(validate_document(schema, _parse(text), rules))


def _operation_of(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation to run.

    Raises:
        GraphQLError: it is not clear which operation is meant.
    """
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    if name is None and len(operations) != 1:
        problem = (
            "required: the document has several operations"
            if operations
            else "the document has no operation"
        )
        raise fault(INVALID, f"operationName: {problem}")
    for operation in operations:
        if name is None or (operation.name is not None and operation.name.value == name):
            return operation
    raise fault(INVALID, f"operationName: the document has no operation {short_name(name or '')}")


def _stand_in(name: str | None) -> DocumentNode:
    """A document with the requested operation, so that the caller gets the real error."""
    valid = name if name and _NAME.fullmatch(name) else ""
    return parse(f"query {valid} {{ __typename }}")

"""From text to a document that may run: parsed, held against the limits, validated; with caches.

    text --check_text--> parse (cached) --check--> validate (cached) --> execution

Nothing here raises out of a hook: over a socket that would end the connection, not the operation.
What is wrong becomes the operation's errors.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    parse,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from api.echo import named
from api.graphql.faults import INVALID, fault
from api.graphql.limits import TOKENS_MAX, check, check_text

CACHED = 256  # documents, of at most `TEXT_MAX` characters

_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,100}")


class Documents(SchemaExtension):
    _errors: list[GraphQLError]

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        self._errors = []
        try:
            document = _parsed(context.query or "")
            _check_operation(document, context.operation_name)
            context.graphql_document = document
        except GraphQLError as error:
            self._errors = [error]
            context.graphql_document = _stand_in(context.operation_name)
        yield

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        context.pre_execution_errors = self._errors or self._objections()
        yield

    def _objections(self) -> list[GraphQLError]:
        context = self.execution_context
        schema, document = context.schema._schema, context.graphql_document
        assert document is not None
        try:
            check(document, schema, context.variables or {})
        except GraphQLError as error:
            return [error]
        return list(_validated(schema, context.query or "", tuple(context.validation_rules)))


@lru_cache(CACHED)
def _parsed(text: str) -> DocumentNode:
    check_text(text)
    return parse(text, max_tokens=TOKENS_MAX)


@lru_cache(CACHED)
def _validated(
    schema: GraphQLSchema, text: str, rules: tuple[type, ...]
) -> tuple[GraphQLError, ...]:
    return tuple(validate_document(schema, _parsed(text), rules))


def _check_operation(document: DocumentNode, name: str | None) -> None:
    """Raises: GraphQLError, when it is not clear which operation is meant."""
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    if name is None and len(operations) != 1:
        says = (
            "required: the document has several operations"
            if operations
            else "the document has no operation"
        )
        raise fault(INVALID, f"operationName: {says}")
    if name is not None and all(d.name is None or d.name.value != name for d in operations):
        raise fault(INVALID, f"operationName: the document has no operation {named(name)}")


def _stand_in(name: str | None) -> DocumentNode:
    """A document with the operation asked for, so that the real error is what gets told."""
    named = name if name and _NAME.fullmatch(name) else ""
    return parse(f"query {named} {{ __typename }}")

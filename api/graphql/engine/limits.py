"""Limits on one operation, checked on the parsed document before validation.

    text --length, nesting--> parser --tokens--> document --depth, repeats, aliases, cost-->

Cost counts the leaves that the operation may return: a page multiplies the cost under it by its
`first`, a plain list by `LISTED`, a fold of the log costs `FOLD`, a sealed text `OPENED`.
Each fragment is measured once, however often it is spread, so the measuring itself stays cheap.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLList,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
)

from api.graphql.engine.cursors import FIRST_DEFAULT, FIRST_MAX
from api.graphql.engine.faults import TOO_COMPLEX, fault

TEXT_MAX = 50_000
NESTING_MAX = 50
TOKENS_MAX = 2_000
FRAGMENTS_MAX = 50
DEPTH_MAX = 12
REPEATS_MAX = 20
ALIASES_MAX = 50
COST_MAX = 100_000  # about a second: 6 to 10 us a leaf
LISTED = 10  # rows assumed for a list without pages
FOLD = 5_000  # an `asOf` or `knownAt`
OPENED = 50  # a text that is encrypted in an event
OPENING = frozenset({("Order", "reason")})
PAGED = frozenset({"edges", "nodes"})  # lists already counted by their connection's `first`

_BRACKETS = re.compile(r"[{}()\[\]]")


class Measure(NamedTuple):
    depth: int = 0
    repeats: int = 0  # of one response name in one selection, with its fragments
    aliases: int = 0
    cost: int = 0


def check_text(text: str) -> None:
    """Check a text before it is parsed, which bounds the parser's recursion.

    Raises:
        GraphQLError: TOO_COMPLEX.
    """
    if len(text) > TEXT_MAX:
        raise fault(TOO_COMPLEX, f"the document is longer than {TEXT_MAX} characters")
    if _nesting(text) > NESTING_MAX:
        raise fault(TOO_COMPLEX, f"the document nests deeper than {NESTING_MAX}")


def check(document: DocumentNode, schema: GraphQLSchema, variables: Mapping[str, Any]) -> None:
    """Check every operation of the document against the limits.

    Raises:
        GraphQLError: TOO_COMPLEX, with the limit and the figure over it.
    """
    fragments = {
        d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)
    }
    if len(fragments) > FRAGMENTS_MAX:
        raise fault(TOO_COMPLEX, f"more than {FRAGMENTS_MAX} fragments")
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            meter = Meter(schema, fragments, defaults(operation) | dict(variables))
            if error := _over(meter.operation(operation)):
                raise error


class Meter:
    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self._schema, self._fragments, self._variables = schema, fragments, variables
        self._known: dict[str, Measure] = {}

    def operation(self, node: OperationDefinitionNode) -> Measure:
        root = self._schema.get_root_type(node.operation)
        inner = self._measure(node.selection_set, root)
        return inner._replace(repeats=max(inner.repeats, self._repeats(node.selection_set)))

    def _measure(self, node: SelectionSetNode | None, kind: object) -> Measure:
        if node is None:
            return Measure()
        parts = [self._one(selection, kind) for selection in node.selections]
        return Measure(
            max((p.depth for p in parts), default=0),
            max((p.repeats for p in parts), default=0),
            sum(p.aliases for p in parts),
            sum(p.cost for p in parts),
        )

    def _one(self, node: object, kind: object) -> Measure:
        match node:
            case FieldNode():
                return self._field(node, kind)
            case InlineFragmentNode():
                return self._measure(node.selection_set, kind)
            case FragmentSpreadNode(name=name):
                return self._fragment(name.value, kind)
            case _:
                return Measure()

    def _fragment(self, name: str, kind: object) -> Measure:
        if name not in self._known:
            self._known[name] = Measure()  # a cycle costs nothing here; validation refuses it
            if fragment := self._fragments.get(name):
                self._known[name] = self._measure(fragment.selection_set, kind)
        return self._known[name]

    def _field(self, node: FieldNode, kind: object) -> Measure:
        name = node.name.value
        field = kind.fields.get(name) if isinstance(kind, GraphQLObjectType) else None
        inner = self._measure(node.selection_set, get_named_type(field.type) if field else None)
        times = 1
        if field and "first" in field.args:
            times = self._first(node)
        elif field and name not in PAGED and isinstance(get_nullable_type(field.type), GraphQLList):
            times = LISTED
        fold = FOLD if any(self._argument(node, a) is not None for a in ("asOf", "knownAt")) else 0
        opened = OPENED if (getattr(kind, "name", ""), name) in OPENING else 0
        depth = inner.depth + 1 if node.selection_set else 0
        return Measure(
            0 if name.startswith("__") else depth,  # introspection has its own limit
            max(inner.repeats, self._repeats(node.selection_set)),
            inner.aliases + bool(node.alias),
            1 + fold + opened + times * inner.cost,
        )

    def _repeats(self, node: SelectionSetNode | None) -> int:
        """How often one response name is selected here; the cost of merging is quadratic in it."""
        names: Counter[str] = Counter()
        seen: set[str] = set()
        waiting = [node] if node else []
        while waiting:
            for selection in waiting.pop().selections:
                match selection:
                    case FieldNode():
                        names[(selection.alias or selection.name).value] += 1
                    case InlineFragmentNode():
                        waiting.append(selection.selection_set)
                    case FragmentSpreadNode(name=name) if name.value not in seen:
                        seen.add(name.value)
                        if fragment := self._fragments.get(name.value):
                            waiting.append(fragment.selection_set)
        return max(names.values(), default=0)

    def _first(self, node: FieldNode) -> int:
        first = self._argument(node, "first")
        return min(max(first, 1), FIRST_MAX) if isinstance(first, int) else FIRST_DEFAULT

    def _argument(self, node: FieldNode, name: str) -> object:
        """An argument's value, an int if it is a number; None if it is absent or null."""
        value = next((a.value for a in node.arguments or () if a.name.value == name), None)
        if isinstance(value, VariableNode):
            return self._variables.get(value.name.value)
        return _literal(value)


def defaults(operation: OperationDefinitionNode) -> dict[str, object]:
    """The default values of the operation's variables."""
    definitions = operation.variable_definitions or ()
    return {d.variable.name.value: _literal(d.default_value) for d in definitions}


def _literal(value: object) -> object:
    match value:
        case None | NullValueNode():
            return None
        case IntValueNode() if len(value.value) < 10:
            return int(value.value)
        case _:
            return FIRST_MAX


def _over(measured: Measure) -> GraphQLError | None:
    for what, found, limit in zip(
        ("depth", "repeats of a field", "aliases", "cost"),
        measured,
        (DEPTH_MAX, REPEATS_MAX, ALIASES_MAX, COST_MAX),
        strict=True,
    ):
        if found > limit:
            return fault(TOO_COMPLEX, f"{what} {found} is over the limit of {limit}")
    return None


def _nesting(text: str) -> int:
    """How deep brackets nest."""
    depth = deepest = 0
    for bracket in _BRACKETS.finditer(text):
        depth += 1 if bracket.group() in "{([" else -1
        deepest = max(deepest, depth)
    return deepest

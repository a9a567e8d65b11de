"""Words that a filter accepts. An unknown word is an error, as no row can have it.

An empty list for a misspelled word would look like "there is nothing of that kind".
"""

from collections.abc import Collection

from api.graphql.engine.faults import BAD_ARGUMENT, fault
from api.http.echo import short_name
from domain.account.state import STATUSES
from domain.client.state import ClientStatus
from domain.ledger.chart import CHART
from projections.operations import cases, repeats

ACCOUNT_STATUSES = STATUSES
CLIENT_STATUSES = tuple(str(status) for status in ClientStatus if status)
CASE_KINDS = tuple(sorted((*cases.KINDS, *repeats.KINDS)))
LEDGER_ACCOUNTS = tuple(CHART)


def require_word(argument: str, word: str | None, words: Collection[str]) -> None:
    """Refuse a word that is not in `words`; None means no filter.

    Raises:
        GraphQLError: BAD_ARGUMENT, naming the argument and the words that it takes.
    """
    if word is not None and word not in words:
        raise fault(BAD_ARGUMENT, f"{argument}: {short_name(word)} is none of {', '.join(words)}")

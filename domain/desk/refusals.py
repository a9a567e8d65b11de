"""Why a command of the desk is declined."""

from domain.shared.message import Refusal


class DeskRefusal(Refusal):
    SCOPE_INVALID = "scope_invalid"  # firm; account, venue or instrument with an id
    REASON_MISSING = "reason_missing"
    SWITCH_NOT_ENGAGED = "switch_not_engaged"
    SECOND_PERSON_NEEDED = "second_person_needed"
    ACTOR_DIFFERS = "actor_differs"  # the person named is another than the actor
    ISIN_INVALID = "isin_invalid"
    NOT_RESTRICTED = "not_restricted"
    LIMIT_INVALID = "limit_invalid"

"""Why a command of a FIX session is declined."""

from domain.shared.message import Refusal


class FixRefusal(Refusal):
    SESSION_UNKNOWN = "session_unknown"
    SESSION_CLOSED = "session_closed"
    SESSION_HELD = "session_held"  # another process holds the session
    COMP_ID_DIFFERS = "comp_id_differs"
    HOLDER_MISSING = "holder_missing"
    SEQUENCE_GAP = "sequence_gap"  # the number is behind the one that comes next
    SEQUENCE_USED = "sequence_used"
    SEQUENCE_INVALID = "sequence_invalid"
    DIGEST_INVALID = "digest_invalid"
    REASON_MISSING = "reason_missing"

"""Why a settlement instruction refuses a command."""

from domain.shared.message import Refusal


class SettlementRefusal(Refusal):
    SETTLEMENT_NOT_COVERED = "settlement_not_covered"
    SETTLEMENT_UNKNOWN = "settlement_unknown"
    SETTLEMENT_UNUSABLE = "settlement_unusable"

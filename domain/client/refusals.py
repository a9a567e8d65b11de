"""Why a client's command is declined."""

from domain.shared.message import Refusal


class ClientRefusal(Refusal):
    CLIENT_EXISTS = "client_exists"
    CLIENT_UNKNOWN = "client_unknown"
    LEI_INVALID = "lei_invalid"
    IDENTIFIER_INVALID = "identifier_invalid"
    COUNTRY_INVALID = "country_invalid"
    KYC_NOT_EXPECTED = "kyc_not_expected"
    DOCUMENTS_MISSING = "documents_missing"
    KYC_NOT_IN_REVIEW = "kyc_not_in_review"
    OFFICER_IS_SUBMITTER = "officer_is_submitter"
    SENIOR_REQUIRED = "senior_required"
    REVIEW_TOO_LATE = "review_too_late"
    FACTS_MISSING = "facts_missing"
    CLIENT_NOT_ACTIVE = "client_not_active"
    CLIENT_NOT_SUSPENDED = "client_not_suspended"
    CLIENT_NOT_BLOCKED = "client_not_blocked"
    CLIENT_CLOSED = "client_closed"
    CLIENT_ERASED = "client_erased"
    CLIENT_NOT_CLOSED = "client_not_closed"
    OFFICER_IS_NOT_ACTOR = "officer_is_not_actor"
    OFFICER_MISSING = "officer_missing"
    RETENTION_NOT_OVER = "retention_not_over"
    REASON_MISSING = "reason_missing"

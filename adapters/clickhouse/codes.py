"""ClickHouse's codes of the errors that we raise or recognise."""

SYNTAX_ERROR = 62
TIMED_OUT = 159
READONLY = 164
TOO_LONG = 167  # a statement's text, or its tree
TOO_MANY = 202  # statements at once
OUT_OF_MEMORY = 241
CANCELLED = 394
TOO_LARGE = 396  # a result
AUTHENTICATION_FAILED = 516
UNREADABLE = 1001  # an answer

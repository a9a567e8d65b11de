"""URLs of settings, and the schemes that each may have."""

from urllib.parse import urlsplit

from pydantic import AfterValidator

ONE_SERVER = ("clickhouse", "redis")  # other URLs may list servers; their clients parse them


def url(*schemes: str, empty: str = "") -> AfterValidator:
    """A validator of a URL with one of these schemes; it replaces an empty text by `empty`."""

    def known(value: str) -> str:
        if value and value.split(":", 1)[0] not in schemes:
            raise ValueError(f"its scheme must be one of {', '.join(schemes)}")
        if value.startswith(ONE_SERVER):
            urlsplit(value).port  # noqa: B018 - raises ValueError: no port, no IPv6 address
        return value or empty

    return AfterValidator(known)

"""Read request bodies: check size and content type before the body is used."""

from starlette.requests import Request

from api.http.problems import Problem

JSON = "application/json"
PLAIN = "identity"
_BLANK = " \t"
_UTF_8 = frozenset({"", "charset=utf-8", 'charset="utf-8"'})


async def read(request: Request, limit: int) -> bytes:
    """Read the body, keeping at most `limit` bytes of it in memory.

    Raises:
        Problem: 413; a declared length over the limit is refused before reading. 415: the body is
            encoded (compressed); this server decodes nothing.
        ClientDisconnect: the caller closed the connection before the body was complete.
    """
    headers = request.headers
    if headers.get("content-encoding", PLAIN).strip().lower() != PLAIN:
        raise Problem(415, "content_encoding_unsupported", f"send the body as it is ({PLAIN})")
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def media_type(request: Request) -> str:
    """The media type of the body, in lower case; "" if there is none or it is not UTF-8.

    Type, parameter and character set may be in any case (RFC 9110, 8.3). `charset=utf-8` is the
    one parameter accepted: with another one we might read the body differently than it was meant.
    """
    kind, *parameters = request.headers.get("content-type", "").lower().split(";")
    if any(p.strip(_BLANK) not in _UTF_8 for p in parameters):
        return ""
    return kind.strip(_BLANK)


def require_json(request: Request) -> None:
    """Require a body declared as JSON in UTF-8 (which also keeps plain web forms out).

    Raises:
        Problem: 415.
    """
    if media_type(request) != JSON:
        raise Problem(415, "unsupported_media_type", f"send {JSON} in UTF-8")


def too_large(limit: int) -> Problem:
    """413: the body, or the text in it, is longer than `limit` bytes."""
    return Problem(413, "body_too_large", f"the limit is {limit} bytes")

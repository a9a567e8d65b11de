"""A trial connection before a logon: whether anyone listens, and whether TLS comes about.

The engine says neither why a connection fails nor, over TLS, that it has failed at all. It does
not compare the certificate's name with the host either; the trial connection does.
"""

import asyncio
import contextlib
import ssl

from adapters.fix.url import VenueUrl

REFUSED_S = 0.3  # under TLS 1.3 the other side refuses our certificate after the handshake


async def reached(url: VenueUrl, timeout_s: float) -> None:
    """Connect and disconnect.

    Raises:
        OSError: nobody listens, or a certificate is refused (`ssl.SSLError`); the text says why.
        TimeoutError: no answer.
    """
    context = _context(url) if url.tls else None
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(url.host, url.port, ssl=context)
        try:
            if context is not None:
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(reader.read(1), REFUSED_S)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _context(url: VenueUrl) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=url.ca)
    if url.cert:
        context.load_cert_chain(url.cert, url.key)
    return context

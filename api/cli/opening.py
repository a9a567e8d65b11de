"""Opens the platform for a verb, in a process that is the verb's own."""

from collections.abc import Callable
from datetime import datetime

from adapters.host import gc_settings
from adapters.host.entropy import Entropy
from adapters.settings import Settings
from adapters.wiring.platform import Platform, open_platform


async def platform_of(
    config: Settings,
    *,
    verb: str,
    clock: Callable[[], datetime] | None = None,
    entropy: Entropy | None = None,
    exclusive: bool = True,
) -> Platform:
    """The open platform, with the garbage collector set for a process that holds it.

    Args and errors are those of `open_platform`, which leaves the process's settings alone.
    """
    platform = await open_platform(
        config, verb=verb, clock=clock, entropy=entropy, exclusive=exclusive
    )
    gc_settings.settle()
    return platform

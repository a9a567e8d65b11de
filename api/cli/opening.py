"""Opens the platform for a verb, which has the process to itself."""

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
    """Open the platform; set the process's garbage collector and thread switch interval for it.

    Arguments and errors are those of `open_platform`, which does not change process settings.
    """
    platform = await open_platform(
        config, verb=verb, clock=clock, entropy=entropy, exclusive=exclusive
    )
    gc_settings.settle()
    return platform

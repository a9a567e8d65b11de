"""Settings of the bus and its workers."""

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from adapters.bus.url import Bus
from adapters.settings.schemes import url


class BusSettings(BaseSettings):
    bus: Annotated[str, url("inline", "kafka", empty="inline:")] = "inline:"
    workers: int = Field(default=1, ge=0, le=64)  # kept by serve and simulate, on a kafka: bus
    supervise: bool = True  # False: relay and workers run elsewhere

    @field_validator("bus")
    @classmethod
    def _sound_bus(cls, value: str) -> str:
        if value.startswith("kafka:"):
            Bus.parse(value)
        return value

    @property
    def kafka(self) -> Bus | None:
        """The Kafka bus; None when folds run inline."""
        return Bus.parse(self.bus) if self.bus.startswith("kafka:") else None

"""Settings of the street: the venues that orders go to."""

from pydantic import field_validator
from pydantic_settings import BaseSettings

from adapters.fix.url import VenueUrl, venues


class StreetSettings(BaseSettings):
    venues: str = ""  # FIX sessions: URLs, or a file of them; "": a simulated venue in process

    @field_validator("venues")
    @classmethod
    def _sound_venues(cls, value: str) -> str:
        venues(value)
        return value

    @property
    def fix_venues(self) -> tuple[VenueUrl, ...]:
        return venues(self.venues)

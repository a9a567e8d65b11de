"""Settings: every `TIDEMARK_*` variable, read once. An error names the wrong variable in one line.

Each capability has its variables in a module here. A new capability adds a class to `Settings`.
"""

import os
from pathlib import Path
from typing import Self

from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from adapters.settings.bus import BusSettings
from adapters.settings.doors import FORWARDED, DoorSettings
from adapters.settings.log import LogSettings
from adapters.settings.reading import ReadingSettings
from adapters.settings.street import StreetSettings
from adapters.settings_error import SettingsError

SECRETS = Path("/run/secrets")
"""The directory in which container engines put secret files."""


class Settings(LogSettings, ReadingSettings, BusSettings, StreetSettings, DoorSettings):
    model_config = SettingsConfigDict(env_prefix="TIDEMARK_", frozen=True, extra="ignore")

    secrets_dir: Path = SECRETS  # a file tidemark_log here sets TIDEMARK_LOG if that is unset

    @property
    def embedded_warehouse(self) -> bool:
        return self.warehouse_url.startswith("chdb:")

    @property
    def warehouse_url(self) -> str:
        return self.warehouse or f"chdb://{self.data_dir.resolve()}/warehouse"

    @property
    def read_warehouse_url(self) -> str:
        return self.read_warehouse or self.warehouse_url

    @classmethod
    def read(cls, **overrides: object) -> Self:
        """Settings from the environment; `overrides` come from the command line.

        Raises:
            SettingsError: names the variable and the rule it broke.
        """
        given = {k: v for k, v in overrides.items() if v is not None}
        named = os.environ.get("TIDEMARK_SECRETS_DIR")
        if named and not Path(named).is_dir():
            raise SettingsError(f"TIDEMARK_SECRETS_DIR: there is no directory {named}")
        secrets = Path(named) if named else SECRETS
        if secrets.is_dir():
            given["_secrets_dir"] = secrets
        try:
            return cls(**given)  # type: ignore[arg-type]
        except ValidationError as e:
            first = e.errors()[0]
            place = "_".join(str(p) for p in first["loc"]).upper()
            name = place if place == FORWARDED else f"TIDEMARK_{place}"
            raise SettingsError(f"{name}: {first['msg'].removeprefix('Value error, ')}") from None

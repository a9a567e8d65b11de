"""Settings of the log and of its proof."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from adapters.settings.schemes import url

EMBEDDED = ("postgresql:", "postgresql://")
"""URLs without a host: the embedded server of the data directory."""


class LogSettings(BaseSettings):
    data_dir: Path = Path(".tidemark")
    log: Annotated[str, url("postgresql", "esdb", "esdb+discover", empty="postgresql:")] = (
        "postgresql:"
    )
    log_connections: int = Field(default=4, ge=1, le=1_000)  # for reading; a writer has three more
    database: Annotated[str, url("postgresql")] = ""
    """The server of the read models; "": the log's server, or embedded if that is EventStoreDB."""

    statement: Path | None = None  # file of the signer's last statement; None: in keys/
    seal_s: float = Field(default=60.0, ge=0, le=86_400)
    """The longest that an event waits for its checkpoint while serve runs. 0: checkpoints only at
    a close of day and every 10,000 events."""

    @field_validator("data_dir", mode="before")
    @classmethod
    def _named_folder(cls, value: object) -> object:
        """Refuse an empty name (it would mean the working directory), the root and NUL."""
        text = str(value)
        if not text.strip() or text in ("/", "//"):
            raise ValueError("it must name a folder of its own ('.' is the current one)")
        if "\0" in text:
            raise ValueError("it must not hold a NUL character")
        return value

    @property
    def statement_file(self) -> Path:
        """The signer's last statement, in a file that a writer of the database cannot change."""
        return self.statement or self.data_dir / "keys" / "checkpoint.last"

    @property
    def embedded_log(self) -> bool:
        return self.log in EMBEDDED

    @property
    def embedded_server(self) -> bool:
        return self.log_server in EMBEDDED

    @property
    def esdb_log(self) -> bool:
        return self.log.startswith("esdb")

    @property
    def log_server(self) -> str:
        """The Postgres of the log; with EventStoreDB, the Postgres of its keys and snapshots."""
        return (self.database or "postgresql:") if self.esdb_log else self.log

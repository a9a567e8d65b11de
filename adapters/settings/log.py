"""Settings of the log and of its proof."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from adapters.settings.schemes import url

EMBEDDED = ("postgresql:", "postgresql://")
"""":" alone is the embedded server of the data directory."""


class LogSettings(BaseSettings):
    data_dir: Path = Path(".tidemark")
    log: Annotated[str, url("postgresql", "esdb", "esdb+discover", empty="postgresql:")] = (
        "postgresql:"
    )
    log_connections: int = Field(default=4, ge=1, le=1_000)  # of readers; writers have three more
    database: Annotated[str, url("postgresql")] = ""
    """Read models; "": the log's server, or embedded where that is EventStoreDB."""

    statement: Path | None = None  # where the signer keeps its last statement; None: in keys/
    seal_s: float = Field(default=60.0, ge=0, le=86_400)
    """An event waits no longer for its checkpoint while serve runs; 0: checkpoints at a close of
    day and every 10,000 events only."""

    @field_validator("data_dir", mode="before")
    @classmethod
    def _named_folder(cls, value: object) -> object:
        """Refuse a name that is empty: it would mean the folder we were started from."""
        text = str(value)
        if not text.strip() or text in ("/", "//"):
            raise ValueError("it must name a folder of its own ('.' is the current one)")
        if "\0" in text:
            raise ValueError("it must not hold a NUL character")
        return value

    @property
    def statement_file(self) -> Path:
        """A file that outlives the process; a writer of the database cannot write to it."""
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
        """The Postgres of the log; with EventStoreDB that of its keys and snapshots."""
        return (self.database or "postgresql:") if self.esdb_log else self.log

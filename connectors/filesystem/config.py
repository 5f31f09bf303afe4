"""What an operator says about one folder of files. Frozen; unknown keys are refused."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from connectors.configured_path import ConfiguredPath


class FilesystemConfig(BaseModel):
    """A folder with everything below it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    root: ConfiguredPath
    people: ConfiguredPath | None = None  # a TOML file of people and groups; without it the source names nobody
    page_size: int = Field(default=100, ge=1, le=10_000)  # files between two checkpoints

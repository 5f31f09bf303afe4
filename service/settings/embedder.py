"""`[embedder]` as the file has it: with a key by reference, and paths from the folder of the file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from connectors.configured_path import ConfiguredPath, resolve_path
from connectors.secret_reference import Secret
from embedder import EmbedderConfig, RemoteConfig


def _from_the_folder(model: str, info: ValidationInfo) -> str:
    """Take the path of a folder from the folder of the file; a name stays one."""
    is_path = os.sep in model or model.startswith((".", "~"))
    return str(resolve_path(Path(model).expanduser(), info)) if is_path else model


class RemoteSettings(RemoteConfig):
    """An endpoint that computes the vectors."""

    api_key: Secret | None = None
    ca_certificate: ConfiguredPath | None = None


class EmbedderSettings(EmbedderConfig):
    """The embedding model."""

    model: Annotated[str, Field(min_length=1), AfterValidator(_from_the_folder)] = EmbedderConfig.model_fields[
        "model"
    ].default
    remote: RemoteSettings | None = None
    models_folder: ConfiguredPath = Field(
        default=EmbedderConfig.model_fields["models_folder"].default, validate_default=True
    )

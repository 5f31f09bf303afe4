"""The keys of a source's settings that say which renditions are read."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from connectors.alfresco.scope.patterns import WordGlob
from connectors.alfresco.scope.setting_types import SettingsTable


class RenditionSettings(SettingsTable):
    """Which rendition is read instead of which files."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]  # as the server calls it, such as "pdf"
    mime_types: Annotated[tuple[WordGlob, ...], Field(min_length=1)]  # of the files, such as "image/*"

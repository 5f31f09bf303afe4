"""A file in the languages that it was made for."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.backends import EmbeddedBackend
from tests.fakes.documents import DIMENSIONS
from vocabulary.errors import ConfigurationError


async def test_a_file_of_other_languages_is_refused_by_their_names(tmp_path: Path) -> None:
    async with EmbeddedBackend(tmp_path / "index.db", dimensions=DIMENSIONS, languages=["de", "en"]):
        pass
    with pytest.raises(ConfigurationError, match=r"de,en .*fr "):
        async with EmbeddedBackend(tmp_path / "index.db", dimensions=DIMENSIONS, languages=["fr"]):
            pass

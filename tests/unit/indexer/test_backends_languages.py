"""An index in the languages of its texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from indexer.backends import EmbeddedBackend, MemoryBackend
from tests.contract.search_backends import ask
from tests.fakes.documents import DIMENSIONS, NUMBERING, document, names
from vocabulary.errors import ConfigurationError
from vocabulary.ports import SearchBackend

Open = Callable[[Path, Sequence[str]], AbstractAsyncContextManager[SearchBackend]]

ENGINES: dict[str, Open] = {
    "memory": lambda _, languages: MemoryBackend(dimensions=DIMENSIONS, languages=languages),
    "embedded": lambda folder, languages: EmbeddedBackend(
        folder / "index.db", dimensions=DIMENSIONS, languages=languages
    ),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("languages", "asked", "found"),
    [
        (["de"], "vertrag", {"de"}),
        (["de"], "für vertrage", {"de"}),
        (["de"], '"den vertrag"', {"de"}),
        (["en"], "vertrag", set()),
        (["en", "de"], "vertrag", {"de"}),
        (["en", "de"], "budget", {"en"}),
        (["fr"], "universites", {"fr"}),
        ([], "budgets", {"en"}),
        ([], "budget", set()),
    ],
)
async def test_forms_of_a_word_are_one_in_the_languages_of_the_index(
    tmp_path: Path, engine: str, languages: list[str], asked: str, found: set[str]
) -> None:
    async with ENGINES[engine](tmp_path, languages) as index:
        await index.adopt(NUMBERING)
        await index.apply(
            [
                document("de", "Mit den Verträgen für das Haus"),
                document("en", "The budgets of the house"),
                document("fr", "L'université de Lyon"),
            ]
        )
        assert set(names(await ask(index, asked))) == found


async def test_a_file_of_other_languages_is_refused_by_their_names(tmp_path: Path) -> None:
    async with EmbeddedBackend(tmp_path / "index.db", dimensions=DIMENSIONS, languages=["de", "en"]):
        pass
    with pytest.raises(ConfigurationError, match=r"de,en .*fr "):
        async with EmbeddedBackend(tmp_path / "index.db", dimensions=DIMENSIONS, languages=["fr"]):
            pass

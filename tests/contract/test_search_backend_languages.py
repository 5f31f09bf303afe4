"""The contract of `SearchBackend`: an index in the languages of its texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from indexer.backends import EmbeddedBackend, MemoryBackend
from tests.contract.opensearch_indexes import opensearch_index
from tests.contract.search_backends import ANYONE, EVERY_ENGINE, ask
from tests.fakes.documents import DIMENSIONS, NUMBERING, document, names
from vocabulary.ports import SearchBackend

Open = Callable[[Path, Sequence[str]], AbstractAsyncContextManager[SearchBackend]]

OPEN_IN: dict[str, Open] = {
    "memory": lambda _, languages: MemoryBackend(dimensions=DIMENSIONS, languages=languages),
    "embedded": lambda folder, languages: EmbeddedBackend(
        folder / "index.db", dimensions=DIMENSIONS, languages=languages
    ),
    "opensearch": lambda folder, languages: opensearch_index(folder, languages=languages),
}
STORED = [
    document("de", "Mit den Verträgen für das Haus"),
    document("en", "The budgets of the house"),
    document("fr", "L'université de Lyon"),
]


@pytest.mark.parametrize("engine", EVERY_ENGINE)
@pytest.mark.parametrize(
    ("languages", "found"),
    [
        (["de"], {"vertrag": {"de"}, "für vertrage": {"de"}, '"den vertrag"': {"de"}}),
        (["en"], {"vertrag": set()}),
        (["en", "de"], {"vertrag": {"de"}, "budget": {"en"}}),
        (["fr"], {"universites": {"fr"}}),
        ([], {"budgets": {"en"}, "budget": set()}),
    ],
)
async def test_forms_of_a_word_are_one_in_the_languages_of_the_index(
    tmp_path: Path, engine: str, languages: list[str], found: dict[str, set[str]]
) -> None:
    async with OPEN_IN[engine](tmp_path, languages) as index:
        await index.adopt(NUMBERING)
        await index.apply(STORED)
        assert {text: set(names(await ask(index, text))) for text in found} == found


@pytest.mark.parametrize("engine", EVERY_ENGINE)
async def test_function_words_of_the_languages_of_the_index_complete_nothing(tmp_path: Path, engine: str) -> None:
    async with OPEN_IN[engine](tmp_path, ["de"]) as index:
        await index.adopt(NUMBERING)
        await index.apply([document(name, "nach dem Derby there") for name in "ab"])
        assert [each.text for each in await index.suggest("de", ANYONE, size=8)] == ["derby", "derby there"]
        assert [each.text for each in await index.suggest("the", ANYONE, size=8)] == ["there"]

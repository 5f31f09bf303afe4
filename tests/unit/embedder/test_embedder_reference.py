"""The vectors equal sentence-transformers' own: from a stored file always, from the library itself where installed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from safetensors import safe_open

from embedder import EmbedderConfig, open_enricher
from embedder.models import locate_model
from vocabulary.documents import ReadText
from vocabulary.enricher import Enricher

REFERENCE = Path(__file__).parents[2] / "fixtures" / "embedder" / "reference_vectors.safetensors"
LEAST_COSINE = 0.999  # what the project promises for every precision it picks by itself


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def enricher() -> AsyncIterator[Enricher]:
    async with open_enricher(EmbedderConfig()) as opened:
        yield opened


class Reference:
    def __init__(self) -> None:
        with safe_open(REFERENCE, framework="numpy") as stored:
            self.texts: list[str] = json.loads(stored.metadata()["texts"])
            self.vectors = stored.get_tensor("vectors")
            lengths = stored.get_tensor("lengths")
            self.ids = np.split(stored.get_tensor("ids"), np.cumsum(lengths)[:-1])


@pytest.mark.asyncio(loop_scope="module")
async def test_vectors_equal_the_stored_ones_of_sentence_transformers(enricher: Enricher) -> None:
    reference = Reference()
    enrichment = await enricher.enrich([ReadText(text, enricher.tokenise(text)) for text in reference.texts])

    cosines = np.sum(enrichment.vectors * reference.vectors, axis=1)
    assert len(reference.texts) >= 60
    assert cosines.min() >= LEAST_COSINE, reference.texts[int(cosines.argmin())][:40]


@pytest.mark.asyncio(loop_scope="module")
async def test_token_ids_equal_the_stored_ones_of_the_librarys_tokeniser(enricher: Enricher) -> None:
    reference = Reference()
    for text, ids in zip(reference.texts, reference.ids, strict=True):
        np.testing.assert_array_equal(enricher.tokenise(text).ids, ids)


@pytest.mark.asyncio(loop_scope="module")
async def test_query_vectors_equal_the_stored_ones(enricher: Enricher) -> None:
    reference = Reference()
    for text, vector in list(zip(reference.texts, reference.vectors, strict=True))[:12]:
        assert float(await enricher.embed_query(text) @ vector) >= LEAST_COSINE


@pytest.mark.reference
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.filterwarnings("ignore")  # torch and transformers warn about themselves
async def test_ids_and_vectors_equal_the_library_itself_on_many_texts(enricher: Enricher) -> None:
    library = pytest.importorskip("sentence_transformers", reason="needs the gpu extra: make test-reference")
    model = library.SentenceTransformer(str(locate_model("all-MiniLM-L6-v2").folder), device="cpu")
    texts = _made_up_texts(60)

    read = [ReadText(text, enricher.tokenise(text)) for text in texts]
    for text, found in zip(texts, read, strict=True):
        assert found.tokens.ids.tolist() == model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    vectors = model.encode(texts, normalize_embeddings=True)
    cosines = np.sum((await enricher.enrich(read)).vectors * vectors, axis=1)
    assert cosines.min() >= LEAST_COSINE


def _made_up_texts(count: int) -> list[str]:
    """Join random pieces of the stored texts, 1 to 300 words each: every script, mark and length mixes."""
    random = np.random.default_rng(20)
    pieces = [piece for text in Reference().texts for piece in text.split()]
    return [" ".join(random.choice(pieces, size=random.integers(1, 300))) for _ in range(count)]

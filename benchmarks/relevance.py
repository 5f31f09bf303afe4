"""How good the rankings are, on collections where people judged which documents answer which question.

`python -m benchmarks.relevance --data DIR [--collections cacm,cisi] [--engine embedded|opensearch --url URL]
[--cache DIR] [--misses N] [--json]`

All collections lie in one index, each under ACLs of its own, and each question is asked by a reader of its collection
alone: what the others hold must not matter, and does not. One set of parameters serves all. Compared in one run:

    words     keyword search (BM25 over passages, titles and attributes)
    vectors   semantic search
    rrf       their reciprocal rank fusion (k 60, the first 200 of each)
    ours      hybrid search

"left out" is hybrid search with the share of the semantic side that is best on the mean of the *other* collections:
what a collection gets whose judgements nobody looked at. nDCG@10 is trec_eval's, with the grade as gain.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pyroaring import FrozenBitMap
from rich.console import Console
from rich.table import Table

from benchmarks.judged import Collection, Embedded, Question, collections_in, embed, ndcg, read_collection, recall
from embedder import EmbedderConfig, open_enricher
from indexer.backends import EmbeddedBackend
from indexer.search.ranking import SEMANTIC_DEPTH, SEMANTIC_SHARE, Ranking, fuse
from vocabulary.access import AccessFilter, AclId
from vocabulary.documents import CLEAN, DocumentId, EnrichedPassage
from vocabulary.indexing import Description, Put
from vocabulary.ports import SearchBackend
from vocabulary.search import Page, Query, SearchMode

DATA = Path(__file__).parents[2] / "shared" / "data"
CACHE = Path.home() / ".cache" / "sightline-benchmarks"
NUMBERING = "benchmark"
SYSTEMS = ("words", "vectors", "rrf", "ours")
LISTS_OF = 200  # documents of each list that are looked at; recall@100 and fusion need no more
_RRF_OFFSET = 60  # Cormack, Clarke and Büttcher (2009)
_ACLS = 20  # of each collection
_BATCH = 200
_SHARES = tuple(np.round(np.arange(0, 1.01, 0.05), 2).tolist())


@dataclass(frozen=True, slots=True)
class Quality:
    """One system on one collection."""

    ndcg_at_10: float
    recall_at_100: float


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and what was found for it: (document, score), best first, by words and by meaning; ours by id."""

    question: Question
    words: list[tuple[str, float]]
    vectors: list[tuple[str, float]]
    ours: list[str]


@dataclass(frozen=True, slots=True)
class Result:
    """One collection: each system's quality, and the mean nDCG@10 of the hybrid rule at each share."""

    collection: str
    systems: Mapping[str, Quality]
    by_share: Mapping[float, float]


async def measure(
    index: SearchBackend, collection: Collection, embedded: Embedded, reader: AccessFilter
) -> list[Asked]:
    """Ask every question in every mode."""
    asked = []
    for question, vector in zip(collection.questions, embedded.question_vectors, strict=True):
        found = {}
        for mode in SearchMode:
            query = Query(question.text, mode=mode, size=LISTS_OF, collapse=False, highlight=False)
            found[mode] = _scored(await index.search(query, vector, reader), collection)
        ours = [document for document, _ in found[SearchMode.HYBRID]]
        asked.append(Asked(question, found[SearchMode.KEYWORD], found[SearchMode.SEMANTIC], ours))
    return asked


def _scored(page: Page, collection: Collection) -> list[tuple[str, float]]:
    assert all(hit.document_id.source == collection.name for hit in page.hits), "a reader saw another collection"
    return [(hit.document_id.native_id, hit.score) for hit in page.hits]


def judged(name: str, asked: Sequence[Asked]) -> Result:
    """Compare what was found with the judgements."""
    rankings = {
        "words": [[document for document, _ in each.words] for each in asked],
        "vectors": [[document for document, _ in each.vectors] for each in asked],
        "rrf": [_reciprocal(each) for each in asked],
        "ours": [each.ours for each in asked],
    }
    grades = [each.question.grades for each in asked]
    return Result(
        collection=name,
        systems={system: _quality(rankings[system], grades) for system in SYSTEMS},
        by_share={share: _quality([_fused(each, share) for each in asked], grades).ndcg_at_10 for share in _SHARES},
    )


def _quality(rankings: Sequence[Sequence[str]], grades: Sequence[Mapping[str, int]]) -> Quality:
    pairs = list(zip(rankings, grades, strict=True))
    return Quality(
        ndcg_at_10=float(np.mean([ndcg(ranked, own) for ranked, own in pairs])),
        recall_at_100=float(np.mean([recall(ranked, own) for ranked, own in pairs])),
    )


def _reciprocal(asked: Asked) -> list[str]:
    scores: dict[str, float] = defaultdict(float)
    for ranked in (asked.words, asked.vectors):
        for rank, (document, _) in enumerate(ranked[:LISTS_OF], start=1):
            scores[document] += 1 / (_RRF_OFFSET + rank)
    return sorted(scores, key=lambda document: -scores[document])


def _fused(asked: Asked, share: float) -> list[str]:
    """Apply the product's own rule with another share."""
    numbers: dict[str, int] = {}
    for document, _ in (*asked.words, *asked.vectors):
        numbers.setdefault(document, len(numbers))
    names = list(numbers)
    fused = fuse(_ranking(asked.words, numbers), _ranking(asked.vectors, numbers), semantic_share=share)
    return [names[number] for number in fused.documents]


def _ranking(found: Sequence[tuple[str, float]], numbers: Mapping[str, int]) -> Ranking:
    documents = np.asarray([numbers[document] for document, _ in found], np.int64)
    return Ranking(documents, np.asarray([score for _, score in found], np.float64), np.zeros_like(documents))


def left_out(results: Sequence[Result]) -> dict[str, tuple[float, float]]:
    """Return, by collection, the share that is best for the others, and what the collection gets with it."""
    chosen = {}
    for result in results:
        others = [each for each in results if each is not result]
        if others:
            share = max(_SHARES, key=lambda share: float(np.mean([each.by_share[share] for each in others])))
            chosen[result.collection] = (share, result.by_share[share])
    return chosen


@asynccontextmanager
async def filled_index(
    index: AbstractAsyncContextManager[SearchBackend], collections: Sequence[tuple[Collection, Embedded]]
) -> AsyncIterator[SearchBackend]:
    """Open an index and put every collection into it."""
    async with index as opened:
        await opened.adopt(NUMBERING)
        for place, (collection, embedded) in enumerate(collections):
            puts = _puts(collection, embedded, first_acl=1 + place * _ACLS)
            for at in range(0, len(puts), _BATCH):
                await opened.apply(puts[at : at + _BATCH])
        yield opened


def _puts(collection: Collection, embedded: Embedded, *, first_acl: int) -> list[Put]:
    vectors = iter(embedded.passage_vectors)
    puts = []
    for number, (document, pieces) in enumerate(zip(collection.documents, embedded.passages, strict=True)):
        description = Description(
            document_id=DocumentId(collection.name, document.id),
            title=document.title,
            uri="",
            path="",
            acl_id=AclId(first_acl + number % _ACLS),
            owner=None,
            attributes={},
        )
        puts.append(Put(description, tuple(EnrichedPassage(each.passage, next(vectors), CLEAN) for each in pieces)))
    return puts


def _reader(place: int) -> AccessFilter:
    acls = FrozenBitMap(range(1 + place * _ACLS, 1 + (place + 1) * _ACLS))
    return AccessFilter(NUMBERING, visible=acls, if_owner=FrozenBitMap(), owners=frozenset())


async def run(arguments: argparse.Namespace, names: Sequence[str]) -> tuple[list[Result], dict[str, list[Asked]]]:
    """Embed, fill, ask and judge."""
    collections = []
    async with open_enricher(EmbedderConfig()) as enricher:
        for name in names:
            collection = read_collection(arguments.data, name)
            collections.append((collection, await embed(collection, enricher, cache=arguments.cache)))
        dimensions = enricher.dimensions
    asked: dict[str, list[Asked]] = {}
    async with AsyncExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        engine = _engine(arguments, folder, dimensions=dimensions)
        index = await opened.enter_async_context(filled_index(engine, collections))
        for place, (collection, embedded) in enumerate(collections):
            asked[collection.name] = await measure(index, collection, embedded, _reader(place))
    return [judged(name, found) for name, found in asked.items()], asked


def _engine(
    arguments: argparse.Namespace, folder: Path, *, dimensions: int
) -> AbstractAsyncContextManager[SearchBackend]:
    if arguments.engine == "embedded":
        return EmbeddedBackend(folder / "index.db", dimensions=dimensions)
    from indexer.backends.opensearch.backend import OpenSearchBackend  # noqa: PLC0415 - an optional extra
    from indexer.backends.opensearch.config import OpenSearchConfig  # noqa: PLC0415

    return OpenSearchBackend(OpenSearchConfig(urls=(arguments.url,), alias=arguments.index), dimensions=dimensions)


def show(results: Sequence[Result]) -> None:
    """Print the tables."""
    console = Console()
    chosen = left_out(results)
    for title, figure in (("nDCG@10", "ndcg_at_10"), ("recall@100", "recall_at_100")):
        is_ndcg = figure == "ndcg_at_10"
        table = Table(title, *SYSTEMS, *(("left out (share)",) if is_ndcg else ()))
        for result in results:
            cells = [f"{getattr(result.systems[system], figure):.4f}" for system in SYSTEMS]
            if is_ndcg and result.collection in chosen:
                share, figure_then = chosen[result.collection]
                cells.append(f"{figure_then:.4f} ({share:.2f})")
            table.add_row(result.collection, *cells)
        means = [np.mean([getattr(each.systems[system], figure) for each in results]) for system in SYSTEMS]
        table.add_row("mean", *(f"{mean:.4f}" for mean in means))
        console.print(table)
    console.print(f"share of the semantic side: {SEMANTIC_SHARE}; semantic lists of {SEMANTIC_DEPTH} documents")


def show_misses(asked: Mapping[str, Sequence[Asked]], count: int) -> None:
    """Print the questions that went worst, with what was wanted and where it stands in each list."""
    for name, found in asked.items():
        worst = sorted(found, key=lambda each: ndcg(each.ours, each.question.grades))[:count]
        for each in worst:
            print(f"\n{name} {each.question.id}: {each.question.text}")
            print(f"  first: {each.ours[:5]}")
            for document in list(each.question.grades)[:5]:
                places = [_place(document, ranked) for ranked in (_ids(each.words), _ids(each.vectors), each.ours)]
                print("  wanted {}: by words {}, by meaning {}, ours {}".format(document, *places))


def _ids(found: Sequence[tuple[str, float]]) -> list[str]:
    return [document for document, _ in found]


def _place(document: str, ranked: Sequence[str]) -> str:
    return str(ranked.index(document) + 1) if document in ranked else "-"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with retrieval-NAME folders")
    parser.add_argument("--collections", help="names, separated by commas; all that are there otherwise")
    parser.add_argument("--engine", choices=("embedded", "opensearch"), default="embedded")
    parser.add_argument("--url", default="http://localhost:9200", help="of OpenSearch")
    parser.add_argument("--index", default="sightline-relevance", help="alias in OpenSearch, of an index that is empty")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where vectors are kept between runs")
    parser.add_argument("--misses", type=int, default=0, help="show this many of the worst questions of each")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    names = arguments.collections.split(",") if arguments.collections else collections_in(arguments.data)
    if not names:
        parser.exit(1, f"no collections in {arguments.data}\n")
    arguments.cache.mkdir(parents=True, exist_ok=True)
    results, asked = asyncio.run(run(arguments, names))
    if arguments.json:
        report: dict[str, Any] = {"left_out": left_out(results), "results": [asdict(each) for each in results]}
        print(json.dumps(report, indent=2))
    else:
        show(results)
        show_misses(asked, arguments.misses)


if __name__ == "__main__":
    main()

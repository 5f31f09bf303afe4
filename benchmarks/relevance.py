"""How good the rankings are, on collections where people judged which documents answer which question.

`python -m benchmarks.relevance --data DIR [--collections cacm,cisi] [--engine embedded|opensearch|both --url URL]
[--cache DIR] [--keywords] [--misses N] [--json]`

All collections lie in one index, each under ACLs of its own, and each question is asked by a reader of its collection
alone: what the others hold must not matter, and does not. One set of parameters serves all. Compared in one run:

    words     keyword search (BM25 over passages, titles and attributes)
    vectors   semantic search
    rrf       their reciprocal rank fusion (k 60, the first 200 of each)
    ours      hybrid search

"left out" is hybrid search with the share of the semantic side that is best on the mean of the *other* collections:
what a collection gets whose judgements nobody looked at. nDCG@10 is trec_eval's, with the grade as gain.

With `--engine both` the program ends with 1 if the engines differ by more than 0.01 nDCG@10 on any collection.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from pyroaring import FrozenBitMap
from rich.console import Console
from rich.table import Table

from benchmarks.judged import Collection, Embedded, asked_by_keywords, collections_in, embed, ndcg, read_collection
from benchmarks.relevance_engines import ENGINES, MOST_APART, Engine, Places, too_far_apart
from benchmarks.relevance_judging import LISTS_OF, SYSTEMS, Asked, Result, differences, judged, left_out
from benchmarks.search_report import hardware
from embedder import EmbedderConfig, open_enricher
from indexer.search.ranking import SEMANTIC_DEPTH, SEMANTIC_SHARE
from vocabulary.access import AccessFilter, AclId
from vocabulary.documents import CLEAN, DocumentId, EnrichedPassage
from vocabulary.indexing import Description, Put
from vocabulary.ports import SearchBackend
from vocabulary.search import Page, Query, SearchMode

DATA = Path(__file__).parents[2] / "shared" / "data"
CACHE = Path.home() / ".cache" / "sightline-benchmarks"
NUMBERING = "benchmark"
_ACLS = 20  # of each collection
_BATCH = 200


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


async def run(arguments: argparse.Namespace, names: Sequence[str]) -> dict[Engine, dict[str, list[Asked]]]:
    """Embed once; fill and ask each engine."""
    collections = []
    async with open_enricher(EmbedderConfig()) as enricher:
        for name in names:
            collection = read_collection(arguments.data, name)
            embedded = await embed(collection, enricher, cache=arguments.cache)
            if arguments.keywords:
                collection, embedded = await asked_by_keywords(collection, embedded, enricher)
            collections.append((collection, embedded))
        dimensions = enricher.dimensions
    with tempfile.TemporaryDirectory() as folder:
        places = Places(Path(folder), arguments.url, arguments.index)
        return {
            engine: await ask_engine(places.open(engine, dimensions=dimensions), collections)
            for engine in ENGINES[arguments.engine]
        }


async def ask_engine(
    engine: AbstractAsyncContextManager[SearchBackend], collections: Sequence[tuple[Collection, Embedded]]
) -> dict[str, list[Asked]]:
    """Fill an index and ask it every question of every collection."""
    async with filled_index(engine, collections) as index:
        return {
            collection.name: await measure(index, collection, embedded, _reader(place))
            for place, (collection, embedded) in enumerate(collections)
        }


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


def show_differences(found: Mapping[str, Mapping[str, float]]) -> None:
    """Print how far the engines are apart."""
    table = Table("apart, nDCG@10", *found)
    for name in found["ours"]:
        table.add_row(name, *(f"{found[system][name]:.4f}" for system in found))
    Console().print(table)


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
    parser.add_argument("--engine", choices=tuple(ENGINES), default="embedded")
    parser.add_argument("--url", default="http://localhost:9200", help="of OpenSearch")
    parser.add_argument("--index", default="sightline-relevance", help="alias in OpenSearch, of an index that is empty")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where vectors are kept between runs")
    parser.add_argument("--keywords", action="store_true", help="ask with up to six words of each question")
    parser.add_argument("--misses", type=int, default=0, help="show this many of the worst questions of each")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    names = arguments.collections.split(",") if arguments.collections else collections_in(arguments.data)
    if not names:
        parser.exit(1, f"no collections in {arguments.data}\n")
    arguments.cache.mkdir(parents=True, exist_ok=True)
    asked = asyncio.run(run(arguments, names))
    results = {engine: [judged(name, each) for name, each in found.items()] for engine, found in asked.items()}
    found = differences(results)
    if arguments.json:
        print(json.dumps(report(results, found), indent=2))
    else:
        for engine, of_engine in results.items():
            print(f"\n{engine}, {hardware()}")
            show(of_engine)
            show_misses(asked[engine], arguments.misses)
        if found:
            show_differences(found)
    if far := too_far_apart(found.get("ours", {})):
        sys.exit(f"the engines differ by more than {MOST_APART} nDCG@10 on {', '.join(far)}")


def report(results: Mapping[Engine, Sequence[Result]], found: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Return all figures for a program to read."""
    engines = {
        engine.value: {"left_out": left_out(of_engine), "results": [asdict(each) for each in of_engine]}
        for engine, of_engine in results.items()
    }
    return {"hardware": hardware(), "engines": engines, "apart": found}


if __name__ == "__main__":
    main()

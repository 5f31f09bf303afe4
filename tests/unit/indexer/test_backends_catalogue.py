"""The picture in memory follows the file exactly, and the last fetch trusts the file more than the picture."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.backends import EmbeddedBackend
from indexer.backends.embedded import catalogue as catalogue_module
from indexer.backends.embedded import connections, current_catalogue, schema, writer
from indexer.backends.embedded.catalogue import Catalogue
from indexer.backends.embedded.current_catalogue import CurrentCatalogue
from indexer.backends.embedded.current_vectors import CurrentVectors
from indexer.backends.embedded.hits import Shown, fetch_hits
from indexer.backends.embedded.search import Search
from indexer.search.analysis import analyzer
from indexer.search.highlighting import Marker
from indexer.search.ranking import Ranking
from indexer.search.tuning import Tuned
from tests.fakes.documents import DIMENSIONS, NUMBERING, description, document, hashed_vector, names, reader
from vocabulary.access import AccessFilter, Principal
from vocabulary.documents import DocumentId
from vocabulary.indexing import Delete, Describe, IndexOperation, Put
from vocabulary.search import Query, SearchMode, Sort, Tuning

NOWHERE = Path("no picture is kept of an index this small")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Any]:
    opened = connections.connect(tmp_path / "index.db")
    schema.prepare(opened, tmp_path / "index.db", dimensions=DIMENSIONS, languages=["en"])
    yield opened
    opened.close()


def store(connection: Any, *operations: IndexOperation) -> None:
    connection.execute("BEGIN IMMEDIATE")
    writer.apply(connection, operations, analyzer())
    connection.execute("COMMIT")


def seen(current: CurrentCatalogue, connection: Any) -> Catalogue:
    catalogue = current.open_transaction(connection)
    connection.execute("COMMIT")
    return catalogue


def live(catalogue: Catalogue) -> list[tuple[int, int, int, bool]]:
    alive = catalogue.passage_documents > 0
    columns = (catalogue.passage_ids, catalogue.passage_documents, catalogue.passage_terms, catalogue.has_vector)
    return sorted(zip(*(column[alive].tolist() for column in columns), strict=True))


def test_a_followed_picture_equals_a_new_one(connection: Any) -> None:
    randomness, current = random.Random(3), CurrentCatalogue(NOWHERE, DIMENSIONS)
    owners = [None, Principal.user("wiki", "a"), Principal.user("wiki", "b")]
    for _ in range(40):
        operations: list[IndexOperation] = []
        for _ in range(randomness.randint(1, 4)):
            name, acl, owner = f"d{randomness.randrange(9)}", randomness.randrange(4), randomness.choice(owners)
            texts = [f"word{randomness.randrange(5)}"] * randomness.randrange(3)
            title = "a title" * randomness.randint(1, 2)
            operations.append(
                randomness.choice(
                    [
                        document(name, *texts, title=title, acl=acl, owner=owner),
                        Describe(description(name, title=title, acl=acl, owner=owner)),
                        Delete(DocumentId("wiki", name)),
                    ]
                )
            )
        store(connection, *operations)
        followed, fresh = seen(current, connection), seen(CurrentCatalogue(NOWHERE, DIMENSIONS), connection)
        assert live(followed) == live(fresh)
        for access in (reader(1, 2), reader(1, if_owner=[2, 3], owners=owners[1:2])):
            admitted = [np.flatnonzero(each.admitted(access)).tolist() for each in (followed, fresh)]
            assert admitted[0] == admitted[1]


def test_a_follower_behind_the_end_of_the_log_reads_everything_anew(
    connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_CHANGES_KEPT", 2)
    current = CurrentCatalogue(NOWHERE, DIMENSIONS)
    store(connection, document("a", "apple", attributes={"n": 1}))
    first = seen(current, connection)
    store(connection, *(document(f"b{number}", "apple") for number in range(9)))
    later = seen(current, connection)
    assert later.vectors is not first.vectors
    assert len(live(later)) == 10


def test_a_picture_with_many_dead_passages_is_taken_anew(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_catalogue, "_DEAD_AT_LEAST", 3)
    current = CurrentCatalogue(NOWHERE, DIMENSIONS)
    for _ in range(8):
        store(connection, document("a", "apple"), document("b", "pear"))
        seen(current, connection)
    assert seen(current, connection).passage_ids.size <= 2 + 3 + 2


def test_columns_follow_changes_of_attributes(connection: Any) -> None:
    current = CurrentCatalogue(NOWHERE, DIMENSIONS)
    access = reader(1)

    def order() -> list[str]:
        catalogue = current.open_transaction(connection)
        tuned = Tuned(Tuning(), analyzer())
        vectors = CurrentVectors(NOWHERE, DIMENSIONS).at(connection)
        query = Query("", sort=Sort("n"))
        page = Search(connection, catalogue, vectors, query, None, access, analyzer(), tuned).answer()
        connection.execute("COMMIT")
        return names(page)

    store(connection, *(document(name, attributes={"n": value}) for name, value in (("a", 1), ("b", 2), ("c", 3))))
    assert order() == ["a", "b", "c"]
    store(connection, Describe(description("a", attributes={"n": 9})), Delete(DocumentId("wiki", "b")))
    assert order() == ["c", "a"]
    store(connection, document("c"), document("d", attributes={"n": 0}))
    assert order() == ["d", "a", "c"]


@pytest.mark.parametrize("acl_in_the_file", [2, 0])
def test_the_last_fetch_believes_the_file_and_not_the_picture(connection: Any, acl_in_the_file: int) -> None:
    me = Principal.user("wiki", "me")
    store(connection, document("a", "secret", acl=acl_in_the_file, owner=me), document("b", "open"))
    ranking = Ranking(np.array([1, 2]), np.array([2.0, 1.0]), np.array([1, 2]))

    def fetched(access: AccessFilter) -> list[str]:
        wrong = np.array([1, 1])  # as if the picture took both for readable
        shown = Shown(ranking, copies=np.zeros(2, np.int64), acl_ids=wrong, parts=[{}, {}])
        hits = fetch_hits(connection, shown, access, marker=Marker(analyzer(), ()), vector=None, highlight=True)
        return [hit.document_id.native_id for hit in hits]

    assert fetched(reader(1)) == ["b"]
    assert fetched(reader(1, if_owner=[1], owners=[me])) == ["b"]


async def test_codes_and_exact_scan_answer_alike_through_the_whole_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [f"word{number}" for number in range(30)]
    randomness = random.Random(9)
    puts: list[Put] = [
        document(str(number), " ".join(randomness.sample(words, 6)), acl=1 + number % 3) for number in range(400)
    ]

    async def answers(folder: Path) -> list[list[str]]:
        async with EmbeddedBackend(folder / "index.db", dimensions=DIMENSIONS) as index:
            await index.adopt(NUMBERING)
            await index.apply(puts[:200])
            query = Query("word1 word2", mode=SearchMode.SEMANTIC, size=20)
            vector = hashed_vector(query.text)
            first = await index.search(query, vector, reader(1, 2))
            await index.apply([*puts[200:], *(Delete(put.description.document_id) for put in puts[:50])])
            return [names(first), names(await index.search(query, vector, reader(1, 2)))]

    exact = await answers(tmp_path / "exact")
    monkeypatch.setattr(catalogue_module, "EXACT_LIMIT", 100)
    assert await answers(tmp_path / "coded") == exact

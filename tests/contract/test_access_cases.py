"""The access table against the decision on single documents, the access filter, the explanation and every backend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import Engine

from acl import AccessControl, AccessExplainer, AccessExplanation, AclStore, Decision, Effect, Ground
from tests.contract.access_cases import (
    AccessCase,
    AccessReader,
    decision_on,
    engine_in_memory,
    filter_of,
    load_cases,
    may_read_one_by_one,
    operations_of,
    store_case,
)
from tests.contract.search_backends import ENGINES, EVERY_ENGINE
from tests.fakes.documents import hashed_vector
from vocabulary.access import Acl, Principal
from vocabulary.ports import SearchBackend
from vocabulary.search import FacetRequest, Query, SearchMode

CASES = load_cases()
PUBLIC_CASES = [case for case in CASES if any(reader.claims is None for reader in case.readers)]
ALFRESCO_CASES = [case for case in CASES if case.repository is not None]

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@pytest.fixture(scope="module")
def _engine() -> Engine:
    return engine_in_memory()


@pytest.fixture
def engine(_engine: Engine) -> Iterator[Engine]:
    """An empty state store in memory."""
    yield _engine
    _engine.dispose()


def test_the_table_has_rows_for_both_answers() -> None:
    readers = [reader for case in CASES for reader in case.readers]
    assert len(CASES) >= 145
    assert len(ALFRESCO_CASES) >= 35
    assert sum(bool(reader.sees) for reader in readers) >= 150
    assert sum(not reader.sees for reader in readers) >= 100


@every_case
def test_every_name_in_an_answer_is_a_document_of_the_row(case: AccessCase) -> None:
    names = {document.name for document in case.documents}
    assert all(reader.sees <= names for reader in case.readers)


@every_case
def test_decisions_on_single_documents_agree_with_the_table(case: AccessCase) -> None:
    for reader in case.readers:
        if reader.claims is not None:
            assert may_read_one_by_one(case, reader.claims) == reader.sees, reader.claims.user


@pytest.mark.parametrize("case", ALFRESCO_CASES, ids=lambda case: case.name)
def test_the_sources_own_search_agrees_with_the_table(case: AccessCase) -> None:
    """Where the crawl's account does not read every list, the table is stricter, and never more open."""
    assert case.repository is not None
    people = {person.email: person.principal.id for person in case.people}
    for reader in case.readers:
        assert reader.claims is not None
        who = people.get(reader.claims.user, reader.claims.user)
        found = {each.name for each in case.documents if case.repository.may_find(who, each.name)}
        assert found == reader.sees or (case.repository.crawler != "admin" and reader.sees <= found), reader.claims.user


@every_case
async def test_access_filters_agree_with_the_table(case: AccessCase, engine: Engine) -> None:
    acl_ids = await store_case(case, engine)
    access_control = AccessControl(engine)
    for reader in case.readers:
        access = await filter_of(case, reader, access_control)
        admitted = {
            document.name
            for document in case.documents
            if access.admits(acl_ids[document.name], str(document.owner) if document.owner else None)
        }
        assert admitted == reader.sees, reader.claims


@every_case
async def test_explanations_agree_with_the_table_and_name_the_entry_that_decides(
    case: AccessCase, engine: Engine
) -> None:
    acl_ids = await store_case(case, engine)
    explainer = AccessExplainer(engine, AccessControl(engine))
    for reader, document in product(case.readers, case.documents):
        about = {"source": document.source, "acl_id": acl_ids[document.name], "owner": document.owner}
        if reader.claims is None:
            told = await explainer.explain_public(**about)
            assert told.allowed == (document.name in reader.sees), document
            continue
        told = await explainer.explain(reader.claims, case.rules, **about)
        decision = decision_on(document, case, reader.claims)
        assert told.allowed == (document.name in reader.sees), (reader.claims, document)
        assert told.ground is decision.ground, (reader.claims, document)
        _check_deciding_entry(told, decision)


def _check_deciding_entry(told: AccessExplanation, decision: Decision) -> None:
    """An entry is named where one decided, and only there; of several that match, the decision names one of them."""
    effect = {Ground.DENIED: Effect.DENY, Ground.ALLOWED: Effect.ALLOW}.get(decision.ground)
    if effect is None:
        assert told.deciding is None
        return
    assert told.deciding is not None
    assert told.deciding.effect is effect
    assert decision.principal in {entry.principal for entry in told.entries if entry.effect is effect}


@pytest.mark.parametrize("case", PUBLIC_CASES, ids=lambda case: case.name)
async def test_a_public_index_may_hold_what_its_readers_find(case: AccessCase, engine: Engine) -> None:
    acl_ids = await store_case(case, engine)
    store = AclStore(engine)
    holdable = {each.name for each in case.documents if await store.admits_everyone(each.source, acl_ids[each.name])}
    assert [holdable] == [reader.sees for reader in case.readers if reader.claims is None]


@pytest.mark.parametrize("kind", EVERY_ENGINE)
@every_case
async def test_answers_of_every_backend_agree_with_the_table(
    case: AccessCase, kind: str, engine: Engine, tmp_path: Path
) -> None:
    acl_ids = await store_case(case, engine)
    access_control = AccessControl(engine)
    async with ENGINES[kind](tmp_path) as backend:
        await backend.adopt(AclStore(engine).numbering)
        await backend.apply(operations_of(case, acl_ids))
        for reader in case.readers:
            await _check_answers(backend, case, reader, access_control)


@pytest.mark.parametrize("kind", EVERY_ENGINE)
async def test_a_changed_list_binds_the_next_answer_without_a_write_to_the_index(
    kind: str, engine: Engine, tmp_path: Path
) -> None:
    case = next(case for case in CASES if case.name == "a user whom the list allows reads, another does not")
    ann, bob = case.readers
    plan = case.documents[0]
    acl_ids = await store_case(case, engine)
    access_control = AccessControl(engine)
    async with ENGINES[kind](tmp_path) as backend:
        await backend.adopt(AclStore(engine).numbering)
        await backend.apply(operations_of(case, acl_ids))
        await _check_answers(backend, case, ann, access_control)
        await AclStore(engine).number("hr", [Acl(plan.name, allow=frozenset({Principal.user("hr", "bob")}))])
        await _check_answers(backend, case, replace(ann, sees=bob.sees), access_control)
        await _check_answers(backend, case, bob, access_control)
        await AclStore(engine).grant("hr")
        await _check_answers(backend, case, replace(bob, sees=ann.sees), access_control)


async def _check_answers(
    backend: SearchBackend, case: AccessCase, reader: AccessReader, access_control: AccessControl
) -> None:
    """Whatever is asked, hits, total and facets come from exactly the documents that the reader sees."""
    access = await filter_of(case, reader, access_control)
    for text in ("", "secret"):
        for mode in SearchMode:
            query = Query(text=text, mode=mode, size=50, facets=(FacetRequest("name", size=50),))
            page = await backend.search(query, hashed_vector(text), access)
            found = {hit.title for hit in page.hits}
            assert found == reader.sees, (reader.claims, mode, text)
            assert page.total.value == len(reader.sees)
            assert {bucket.value for bucket in page.facets["name"]} == reader.sees

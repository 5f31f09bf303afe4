"""The access table over HTTP: every reader of every row, with a signed token, gets what the row says."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from service.state.schema import prepare
from tests.contract.access_cases import ISSUER as TABLE_ISSUER
from tests.contract.access_cases import AccessCase, AccessReader, load_cases, operations_of, store_case
from tests.unit.service.http_world import ISSUER, HttpWorld, bearer, served


def test_the_table_speaks_of_the_issuer_whose_tokens_are_sent_here() -> None:
    assert TABLE_ISSUER == ISSUER


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.name)
async def test_answers_over_http_agree_with_the_table(case: AccessCase, engine: sa.Engine) -> None:
    prepare(engine)  # all tables at once: some alone are taken for those of an old program, and brought up to date
    acl_ids = await store_case(case, engine)
    rules = {"closed": case.rules, "open": case.rules}
    async with served(engine, rules, public=["open"]) as world:
        for backend in world.backends.values():
            await backend.apply(operations_of(case, acl_ids))
        for reader in case.readers:
            await _check(world, reader)


async def _check(world: HttpWorld, reader: AccessReader) -> None:
    for query in ("", "secret"):
        body = {"query": query, "page": {"size": 100}, "facets": [{"field": "name", "size": 100}]}
        if reader.claims is None:
            answer = await world.ask("open", **body)
        else:
            headers = bearer(reader.claims.user, groups=list(reader.claims.groups))
            answer = await world.ask("closed", headers=headers, **body)
        if reader.claims is not None and not reader.claims.user:
            assert answer.status_code == 401  # a token that names nobody proves nothing
            continue
        found = answer.json()
        assert {result["title"] for result in found["results"]} == reader.sees, reader.claims
        assert found["total"]["value"] == len(reader.sees)
        assert {count["value"] for count in found["facets"]["name"]} == reader.sees

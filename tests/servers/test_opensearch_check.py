"""`sightline check` against a real OpenSearch: each finding says what to change, and nothing is written there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from indexer.backends.opensearch.backend import OpenSearchBackend
from indexer.backends.opensearch.checks import check_cluster
from indexer.backends.opensearch.config import OpenSearchConfig
from tests.fakes.documents import DIMENSIONS, document
from tests.servers.opensearch import OpenSearchServer
from vocabulary.ports import CheckResult

pytestmark = [pytest.mark.opensearch, pytest.mark.timeout(600)]


@pytest.fixture
def config(opensearch: OpenSearchServer) -> Iterator[OpenSearchConfig]:
    alias = opensearch.new_alias()
    yield OpenSearchConfig(urls=(opensearch.url,), alias=alias)
    opensearch.drop(alias)


async def findings(config: OpenSearchConfig, *, dimensions: int = DIMENSIONS) -> dict[str, CheckResult]:
    return {each.subject: each for each in await check_cluster(config, dimensions=dimensions)}


async def test_a_cluster_that_will_do_passes_and_nothing_is_made(
    config: OpenSearchConfig, opensearch: OpenSearchServer
) -> None:
    found = await findings(config)
    assert all(each.passed for subject, each in found.items() if subject != "disks"), found
    assert found["index"].message == f"{config.index} will be created"
    assert found["rights"].message == "the user may create the index"
    assert re.search(r"has the fullest disk, \d+ % used", found["disks"].message)
    assert opensearch.call("GET", f"/_cat/indices/{config.alias}*?format=json").json() == []


async def test_an_index_that_is_there_is_looked_at_and_not_changed(config: OpenSearchConfig) -> None:
    async with OpenSearchBackend(config, dimensions=DIMENSIONS) as index:
        await index.apply([document("a", "words")])
        await index.put_seal("seal", hide_all=False)
        found = await findings(config)
        assert found["index"].message == f"{config.index} holds vectors of {DIMENSIONS} dimensions"
        assert found["rights"].message == "the user may write to the index"
        assert await index.seal() == "seal"
    wrong = (await findings(config, dimensions=7))["index"]
    assert (wrong.passed, wrong.message) == (
        False,
        f"alias: {config.index} holds vectors of {DIMENSIONS} dimensions, the model gives 7",
    )


async def test_an_index_that_is_shut_for_writing_is_told(
    config: OpenSearchConfig, opensearch: OpenSearchServer
) -> None:
    async with OpenSearchBackend(config, dimensions=DIMENSIONS):
        opensearch.call("PUT", f"/{config.index}/_settings", {"index.blocks.read_only_allow_delete": True})
        found = await findings(config)
    assert not found["blocks"].passed
    assert found["blocks"].message == "the index is shut: read_only_allow_delete"
    assert not found["rights"].passed


async def test_what_is_not_ours_under_the_name_is_told(config: OpenSearchConfig, opensearch: OpenSearchServer) -> None:
    opensearch.call("PUT", f"/{config.index}")
    found = (await findings(config))["index"]
    assert (found.passed, found.message) == (False, f"alias: {config.index} is not an index of this program")

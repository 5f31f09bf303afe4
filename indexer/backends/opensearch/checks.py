"""What is missing before the first write: `sightline check` asks the cluster, and changes nothing there.

Whether the user may write is found out by requests that cannot be carried out: a cluster that lets the user do it says
that they make no sense, another one that it is not allowed.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from indexer.backends.opensearch.access_clause import BITMAPS_SINCE
from indexer.backends.opensearch.client import Connection
from indexer.backends.opensearch.config import IndexOptions, OpenSearchConfig, VectorEngine, VectorQuantisation
from indexer.backends.opensearch.mapping import STATE_ID, unusable
from indexer.search.analysis import DEFAULT_LANGUAGES
from vocabulary.errors import SightlineError
from vocabulary.ports import CheckResult

# The oldest version whose k-NN search filters by the document while it looks for passages (nested, 2.13), and scores
# them with the engines that are offered here.
OLDEST = (2, 13)
# What else an index may be created with, and the version before which a cluster refuses it.
_QUANTISED_BY_LUCENE_SINCE = (3, 1)  # with cosines that are computed anew; without them 2.16
_COSINES_OF_FAISS_SINCE = (2, 19)
_DISK = "cluster.routing.allocation.disk."


async def check_cluster(
    config: OpenSearchConfig, *, dimensions: int, languages: Sequence[str] = DEFAULT_LANGUAGES
) -> Sequence[CheckResult]:
    """Look at version, plugin, index, rights and disks; what cannot be reached at all is the only finding."""
    async with _Checks(config, dimensions, languages) as checks:
        return await checks.run()


class _Checks:
    """One look at a cluster."""

    def __init__(self, config: OpenSearchConfig, dimensions: int, languages: Sequence[str]) -> None:
        self._config = config
        self._dimensions = dimensions
        self._languages = languages
        self._connection = Connection(config)

    async def __aenter__(self) -> _Checks:
        await self._connection.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._connection.__aexit__(*error)

    async def run(self) -> list[CheckResult]:
        try:
            told = await self._connection.call(lambda client: client.info())
        except SightlineError as error:
            return [CheckResult("connection", passed=False, message=str(error))]
        results = [judged_version(told, self._config.options)]
        for subject, look in (
            ("plugin", self._plugin),
            ("index", self._index),
            ("rights", self._rights),
            ("blocks", self._blocks),
            ("disks", self._disks),
        ):
            results.append(await _result(subject, look))
        return results

    async def _plugin(self) -> tuple[bool, str]:
        listed = await self._connection.call(lambda client: client.cat.plugins(params={"format": "json"}))
        nodes = {each["name"] for each in listed}
        with_knn = {each["name"] for each in listed if "knn" in each["component"].casefold()}
        if not with_knn:
            return False, "the k-NN plugin (opensearch-knn) is not installed"
        without = sorted(nodes - with_knn)
        return not without, f"no k-NN plugin on {', '.join(without)}" if without else "k-NN is there on every node"

    async def _index(self) -> tuple[bool, str]:
        config = self._config
        if not await self._is_alias(config.handle):
            if await self._is_taken(config.alias):
                return False, f"alias: {config.alias} is an index of the cluster, not an alias"
            if await self._connection.call(lambda client: client.indices.exists(index=config.index)):
                return False, f"alias: {config.index} is not an index of this program"
            return True, f"{config.index} will be created"
        mappings = await self._connection.call(lambda client: client.indices.get_mapping(index=config.handle))
        problems = [
            unusable(name, found["mappings"], dimensions=self._dimensions, languages=self._languages)
            for name, found in mappings.items()
        ]
        told = [problem for problem in problems if problem]
        return not told, "; ".join(told) or f"{', '.join(mappings)} holds vectors of {self._dimensions} dimensions"

    async def _is_taken(self, alias: str) -> bool:
        """Whether there is an index of that name, which is no alias."""
        exists = await self._connection.call(lambda client: client.indices.exists(index=alias))
        return exists and not await self._is_alias(alias)

    async def _is_alias(self, name: str) -> bool:
        """Whether one of our own indexes has the name as an alias: of others, nobody need have rights to ask."""
        ours = f"{self._config.alias}-*"
        return bool(await self._connection.call(lambda client: client.indices.exists_alias(name=name, index=ours)))

    async def _rights(self) -> tuple[bool, str]:
        handle = self._config.handle
        if await self._is_alias(handle):
            impossible = {"if_seq_no": 2**62, "if_primary_term": 2**62, "require_alias": "true", "ignore": (404, 409)}
            await self._connection.call(
                lambda client: client.index(index=handle, id=STATE_ID, body={}, params=impossible)
            )
            return True, "the user may write to the index"
        nonsense = {"settings": {"index.number_of_shards": 0}}
        await self._connection.call(
            lambda client: client.indices.create(index=self._config.index, body=nonsense, params={"ignore": 400})
        )
        return True, "the user may create the index"

    async def _blocks(self) -> tuple[bool, str]:
        """Read what shuts the index for writing, by hand or because a disk was full."""
        found = await self._connection.call(
            lambda client: client.indices.get_settings(
                index=self._config.handle, name="index.blocks.*", params={"flat_settings": "true", "ignore": 404}
            )
        )
        blocks = {
            key.removeprefix("index.blocks.")
            for index in found.values()
            if isinstance(index, Mapping)
            for key, value in index.get("settings", {}).items()
            if value == "true"
        }
        return not blocks, f"the index is shut: {', '.join(sorted(blocks))}" if blocks else "none"

    async def _disks(self) -> tuple[bool, str]:
        settings = await self._connection.call(
            lambda client: client.cluster.get_settings(params={"include_defaults": "true", "flat_settings": "true"})
        )
        stated = {**settings.get("defaults", {}), **settings.get("persistent", {}), **settings.get("transient", {})}
        nodes = await self._connection.call(
            lambda client: client.cat.allocation(params={"format": "json", "bytes": "b"})
        )
        return fullest(nodes, stated)


def fullest(nodes: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> tuple[bool, str]:
    """Compare the fullest disk with the watermark from which on a node takes no more shards."""
    used = {str(node["node"]): float(node["disk.percent"]) for node in nodes if node.get("disk.percent")}
    if not used:
        return True, "the cluster does not tell"
    node = max(used, key=lambda name: used[name])
    told = f"{node} has the fullest disk, {used[node]:g} % used"
    high = _percent(settings.get(f"{_DISK}watermark.high", "90%"))
    if str(settings.get(f"{_DISK}threshold_enabled", "true")) == "false" or high is None:
        return True, told
    if used[node] >= high:
        return False, f"{told}, above the watermark of {high:g} %: no shard is put there, and soon nothing is written"
    return True, told


def _percent(watermark: object) -> float | None:
    """Read a watermark that is a share of the disk; None where it is a number of bytes."""
    stated = re.fullmatch(r"(\d+(?:\.\d+)?)%", str(watermark))
    if stated:
        return float(stated[1])
    ratio = re.fullmatch(r"0?\.\d+", str(watermark))
    return 100 * float(ratio[0]) if ratio else None


def judged_version(told: Mapping[str, Any], options: IndexOptions) -> CheckResult:
    """Judge the version; a cluster that tells none is taken for a new one.

    Source: OpenSearch documentation, the spaces that an engine knows (2.19) and rescoring with Lucene (3.1).
    """
    version = told.get("version") or {}
    number = str(version.get("number", ""))
    if version and version.get("distribution") != "opensearch":
        return CheckResult("version", passed=False, message="url: this is no OpenSearch")
    known = tuple(int(part) for part in re.findall(r"\d+", number)[:2])
    oldest, what_for = _oldest(options)
    if known and known < oldest:
        words = f"{what_for}OpenSearch {number} is too old ({'.'.join(map(str, oldest))} at least)"
        return CheckResult("version", passed=False, message=words)
    if known and known < BITMAPS_SINCE:
        since = ".".join(map(str, BITMAPS_SINCE))
        words = f"OpenSearch {number}: readers' filters are sent in full, which is slower (since {since} as bitmaps)"
        return CheckResult("version", passed=True, message=words)
    return CheckResult("version", passed=True, message=f"OpenSearch {number or 'of an untold version'}")


def _oldest(options: IndexOptions) -> tuple[tuple[int, int], str]:
    """Return the oldest version that creates such an index, and the setting that asks for it."""
    if options.vector_engine is VectorEngine.FAISS:
        return _COSINES_OF_FAISS_SINCE, "vector_engine: for faiss "
    if options.quantisation is VectorQuantisation.SCALAR:
        return _QUANTISED_BY_LUCENE_SINCE, "quantisation: for scalar "
    return OLDEST, ""


async def _result(subject: str, look: Callable[[], Awaitable[tuple[bool, str]]]) -> CheckResult:
    try:
        passed, message = await look()
    except SightlineError as error:
        return CheckResult(subject, passed=False, message=str(error))
    return CheckResult(subject, passed, message)

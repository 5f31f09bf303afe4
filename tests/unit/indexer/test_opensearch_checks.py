"""What `sightline check` makes of what a cluster tells of its version and its disks."""

from __future__ import annotations

from typing import Any

import pytest

from indexer.backends.opensearch.checks import fullest, judged_version
from indexer.backends.opensearch.config import IndexOptions, VectorEngine, VectorQuantisation

HIGH = "cluster.routing.allocation.disk.watermark.high"


@pytest.mark.parametrize(
    ("version", "passed", "words"),
    [
        ({"distribution": "opensearch", "number": "3.5.0"}, True, "OpenSearch 3.5.0"),
        ({"distribution": "opensearch", "number": "2.17.1"}, True, "OpenSearch 2.17.1"),
        ({"distribution": "opensearch", "number": "2.16.0"}, True, "filters are sent in full"),
        ({"distribution": "opensearch", "number": "2.9.0"}, False, "too old (2.13 at least)"),
        ({"distribution": "opensearch", "number": "10.0.0-alpha1"}, True, "OpenSearch 10.0.0-alpha1"),
        ({"number": "8.15.0", "build_flavor": "default"}, False, "no OpenSearch"),
        ({}, True, "an untold version"),
    ],
)
def test_a_version_is_judged(version: dict[str, str], passed: bool, words: str) -> None:
    result = judged_version({"version": version} if version else {}, IndexOptions())
    assert result.passed is passed
    assert words in result.message


@pytest.mark.parametrize(
    ("number", "options", "words"),
    [
        ("2.18.0", IndexOptions(vector_engine=VectorEngine.FAISS), "vector_engine: for faiss OpenSearch 2.18.0 is too"),
        ("2.19.0", IndexOptions(vector_engine=VectorEngine.FAISS), ""),
        ("3.0.0", IndexOptions(quantisation=VectorQuantisation.SCALAR), "quantisation: for scalar OpenSearch 3.0.0 is"),
        ("3.1.0", IndexOptions(quantisation=VectorQuantisation.SCALAR), ""),
        ("3.5.0", IndexOptions(vector_engine=VectorEngine.FAISS, quantisation=VectorQuantisation.SCALAR), ""),
    ],
)
def test_a_version_is_judged_by_what_an_index_is_to_be_created_with(
    number: str, options: IndexOptions, words: str
) -> None:
    result = judged_version({"version": {"distribution": "opensearch", "number": number}}, options)
    assert result.passed is not bool(words)
    assert result.message.startswith(words or "OpenSearch")


@pytest.mark.parametrize(
    ("percents", "settings", "passed", "words"),
    [
        (["40", "73"], {}, True, "b has the fullest disk, 73 % used"),
        (["91", "73"], {}, False, "above the watermark of 90 %"),
        (["91"], {HIGH: "95%"}, True, "91 % used"),
        (["91"], {HIGH: "0.85"}, False, "above the watermark of 85 %"),
        (["99"], {HIGH: "10gb"}, True, "99 % used"),
        (["99"], {"cluster.routing.allocation.disk.threshold_enabled": "false"}, True, "99 % used"),
        ([None], {}, True, "does not tell"),
    ],
)
def test_the_fullest_disk_is_compared_with_the_watermark(
    percents: list[str | None], settings: dict[str, Any], passed: bool, words: str
) -> None:
    nodes = [{"node": name, "disk.percent": percent} for name, percent in zip("ab", percents, strict=False)]
    result = fullest(nodes, settings)
    assert result[0] is passed
    assert words in result[1]

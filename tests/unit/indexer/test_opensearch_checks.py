"""What `sightline check` makes of what a cluster tells of its version and its disks."""

from __future__ import annotations

from typing import Any

import pytest

from indexer.backends.opensearch.checks import fullest, judged_version

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
    result = judged_version({"version": version} if version else {})
    assert result.passed is passed
    assert words in result.message


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

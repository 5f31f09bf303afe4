"""What is removed with an index, and what of its neighbours stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.reindexing import Place
from service.enrichers import Enrichers
from service.places import IndexPlaces
from service.settings.settings import load_settings

pytestmark = pytest.mark.anyio

SETTINGS = """
[state]
url = "sqlite:///state.db"

[indexes.private]
engine = "embedded"
path = "private[1]"
access = "token"

[[tokens]]
kind = "jwt"
issuer = "https://idp.example.com"
audience = "sightline"
algorithms = ["HS256"]
shared_secret = { file = "secret" }
"""
KEPT = ("", "-wal", "-shm", "-picture", "-picture.new-a1b2", "-vectors", "-vectors.new-c3d4")


async def test_with_a_building_goes_all_that_lies_beside_it_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s" * 32)
    (tmp_path / "sightline.toml").write_text(SETTINGS)
    settings = load_settings(tmp_path / "sightline.toml", environment={})
    other = [f"private[1]{kept}" for kept in KEPT] + ["private1.2-picture.new-a1b2", "private[1].2-notes", "state.db"]
    for name in [*other, *(f"private[1].2{kept}" for kept in KEPT)]:
        (tmp_path / name).write_bytes(b"x")
    places = IndexPlaces(settings, Enrichers(settings.embedder))
    await places.remove(Place("private", generation=2))
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([*other, "secret", "sightline.toml"])
    await places.remove(Place("private", generation=2))  # nothing is there any more

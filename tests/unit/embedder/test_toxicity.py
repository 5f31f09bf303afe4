from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from embedder import EmbedderConfig, open_enricher
from embedder.toxicity.choice import SHIPPED_MODEL
from embedder.toxicity.model_file import load_model
from embedder.toxicity.registry import ModelRegistry
from vocabulary.documents import ReadText
from vocabulary.errors import SettingInvalid

# Written for this test; no training text.
CLEAN = [
    "The quarterly report is due on Friday.",
    "Please kill the stuck process and restart the server.",
    "Our harassment policy applies to all employees and contractors.",
    "The patient was given a retardant-free dressing after the burn.",
    "Rape seed oil prices rose by four percent in March.",
    "Meeting moved to room 4; bring the budget figures.",
]
TOXIC = [
    "you are a worthless piece of shit",
    "shut up you stupid idiot, nobody likes you",
    "go to hell, you disgusting moron",
    "what a bunch of fucking losers",
]


async def test_the_shipped_model_tells_abuse_from_business() -> None:
    async with open_enricher(EmbedderConfig()) as enricher:
        read = [ReadText(text, enricher.tokenise(text)) for text in CLEAN + TOXIC]
        scores = [toxicity.score_0_1 for toxicity in (await enricher.enrich(read)).toxicity]
        assert enricher.toxicity_version == load_model(SHIPPED_MODEL).version
    clean, toxic = scores[: len(CLEAN)], scores[len(CLEAN) :]
    assert max(clean) < load_model(SHIPPED_MODEL).card.thresholds.flag < min(toxic), (clean, toxic)


def test_the_shipped_model_is_small_and_says_how_it_was_made() -> None:
    assert SHIPPED_MODEL.stat().st_size < 3_500_000
    model = load_model(SHIPPED_MODEL)
    assert model.prefilter is not None
    card = (SHIPPED_MODEL.parent / "card.md").read_text(encoding="utf-8")
    assert model.card.made_with["command"] in card
    assert model.card.encoder_sha256 in card
    for licence in ("CC0-1.0", "MIT", "Apache-2.0"):
        assert licence in card


def test_the_shipped_model_was_made_of_what_its_manifest_lists() -> None:
    manifest = tomllib.loads((SHIPPED_MODEL.parent / "data.toml").read_text(encoding="utf-8"))
    card = load_model(SHIPPED_MODEL).card
    assert [part["source"] for part in manifest["parts"]] == [part["source"] for part in card.data]
    assert all(part["licence"] in {"CC0-1.0", "MIT", "Apache-2.0"} for part in card.data)
    assert all(re.fullmatch(r"[0-9a-f]{64}", part["sha256"]) for part in card.data)


async def test_nothing_scores_where_none_is_asked_for() -> None:
    async with open_enricher(EmbedderConfig(toxicity_model="none")) as enricher:
        (found,) = (await enricher.enrich([ReadText(TOXIC[0], enricher.tokenise(TOXIC[0]))])).toxicity
        assert (enricher.toxicity_version, found.score_0_1) == ("", 0.0)


async def test_only_an_approved_model_scores(tmp_path: Path) -> None:
    registry = ModelRegistry(tmp_path)
    registry.publish(load_model(SHIPPED_MODEL), {})
    config = EmbedderConfig(toxicity_model=load_model(SHIPPED_MODEL).card.name, models_folder=tmp_path)
    with pytest.raises(SettingInvalid, match="not approved"):
        async with open_enricher(config):
            pass
    approved = registry.approve(f"{config.toxicity_model}@1", by="ada", at=datetime.now(UTC))
    async with open_enricher(config) as enricher:
        assert enricher.toxicity_version == approved.reference

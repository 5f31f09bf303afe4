from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from embedder import EmbedderConfig, LoadedModel, RemoteProtocol, open_enricher
from embedder.toxicity.registry import ModelRegistry
from service.metrics import ModelCollector
from tests.fakes.embedding_endpoints import remote_config
from tests.unit.embedder.conftest import write_tiny_model
from tests.unit.embedder.test_scorers import publish


def _lines(model: LoadedModel) -> list[str]:
    registry = CollectorRegistry()
    registry.register(ModelCollector(model))
    return [each for each in generate_latest(registry).decode().splitlines() if not each.startswith("#")]


async def test_the_model_and_what_computes_it_are_told_as_one_metric() -> None:
    async with open_enricher(remote_config(RemoteProtocol.OPENAI)) as model:
        line, trouble = _lines(model)
        assert line.startswith("sightline_model_info{")
        assert line.endswith("} 1.0")
        for part in (f'name="{model.name}"', f'version="{model.version}"', f'runtime="{model.runtime}"', 'toxicity=""'):
            assert part in line
        assert trouble == "sightline_toxicity_model_trouble 0.0"


async def test_the_model_that_scores_is_the_one_of_now_and_what_is_wrong_counts(tmp_path: Path) -> None:
    folder, models = write_tiny_model(tmp_path / "tiny"), tmp_path / "models"
    config = EmbedderConfig(model=str(folder), models_folder=models, toxicity_model="own", threads=1)
    publish(config, 0.1)
    async with open_enricher(config) as model:
        publish(config, 0.9)
        await model.pinned()
        line, trouble = _lines(model)
        assert 'toxicity="own@2"' in line
        assert trouble == "sightline_toxicity_model_trouble 0.0"
        for stored in ModelRegistry(models).versions():
            (stored.folder / "approval.json").unlink()
        await model.pinned()
        line, trouble = _lines(model)
        assert 'toxicity=""' in line
        assert trouble == "sightline_toxicity_model_trouble 1.0"

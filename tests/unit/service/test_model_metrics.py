from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from embedder import RemoteProtocol, open_enricher
from service.metrics import ModelCollector
from tests.fakes.embedding_endpoints import remote_config


async def test_the_model_and_what_computes_it_are_told_as_one_metric() -> None:
    registry = CollectorRegistry()
    async with open_enricher(remote_config(RemoteProtocol.OPENAI)) as model:
        registry.register(ModelCollector(model))
        (line,) = [each for each in generate_latest(registry).decode().splitlines() if not each.startswith("#")]
        assert line.startswith("sightline_model_info{")
        assert line.endswith("} 1.0")
        for part in (f'name="{model.name}"', f'version="{model.version}"', f'runtime="{model.runtime}"', 'toxicity=""'):
            assert part in line

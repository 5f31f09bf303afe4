"""Which model this process embeds and scores with, and what computes it: what an operator compares beside the rates."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from embedder import LoadedModel


class ModelCollector(Collector):
    """Reads what the loaded model says of itself; a runtime may change its way when one fails."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model

    def collect(self) -> Iterator[Metric]:
        told = {
            "name": self._model.name,
            "version": self._model.version,
            "runtime": self._model.runtime,
            "toxicity": self._model.toxicity_version,
        }
        yield InfoMetricFamily("sightline_model", "The model, its runtime, arithmetic and device", value=told)

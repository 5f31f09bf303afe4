"""Which model this process embeds and scores with, and what computes it: what an operator compares beside the rates."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from embedder import LoadedModel


class ModelCollector(Collector):
    """Reads what the loaded model says of itself: a runtime may change its way, and another model be approved."""

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
        trouble = "1: a version that should score toxicity cannot be used; the log says which, and why"
        yield GaugeMetricFamily(
            "sightline_toxicity_model_trouble", trouble, value=float(bool(self._model.toxicity_trouble))
        )

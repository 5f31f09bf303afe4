"""What the command line uses of this folder, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from embedder.toxicity.choice import SHIPPED_MODEL
from embedder.toxicity.learning.encoding import Encoder
from embedder.toxicity.learning.examples import Split
from embedder.toxicity.learning.figures import Figures
from embedder.toxicity.learning.manifest import Part, parts_of
from embedder.toxicity.learning.measuring import measure
from embedder.toxicity.learning.report import report_documents
from embedder.toxicity.learning.training import Order, gather, train
from embedder.toxicity.model_file import load_model
from vocabulary.errors import SettingInvalid

__all__ = ["SHIPPED_MODEL", "Order", "Part", "evaluate", "parts_of", "report_documents", "train"]


def evaluate(file: Path, parts: Sequence[Part], *, encoder: str, cache: Path | None, most: int) -> Figures:
    """Measure a model on the test part of the data where the data names one, on all of it otherwise.

    Raises:
        SettingInvalid: the model or the data cannot be read, or the model reads another encoder.
    """
    model = load_model(file)
    material = gather(parts)
    loaded = Encoder.load(encoder, cache=cache)
    if loaded.sha256 != model.card.encoder_sha256:
        raise SettingInvalid(
            f"{model.version} was trained with {model.card.encoder} (weights {model.card.encoder_sha256[:12]}), "
            f"not with {loaded.name} ({loaded.sha256[:12]}); --encoder names the one that it reads"
        )
    given = any(example.given_split for examples in material.by_split.values() for example in examples)
    chosen = [Split.TEST] if given else list(Split)
    examples = [example for split in chosen for example in material.by_split[split]]
    return measure(model, examples, loaded, loaded.with_layers(model.own_layers), most=most)

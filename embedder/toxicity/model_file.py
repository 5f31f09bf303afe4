"""One file per toxicity model: its tensors and, as metadata, its card and what its tables are made of.

safetensors holds numbers and nothing that runs. A file is read strictly: every tensor that the card implies must be
there in its shape and type and be finite, and nothing else may be. A fine-tuned model's own layers are in the file,
too, so that one SHA-256 is of all that it is; those that it shares with its encoder are not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from embedder.toxicity.model import FineTune, ModelCard, OwnLayers, Stages, Thresholds, ToxicityModel
from embedder.toxicity.ngrams import HASH, NgramSpec, NgramTable, Unit
from embedder.toxicity.parts import Head, Network
from embedder.toxicity.prefilter import Prefilter
from vocabulary.errors import SettingInvalid

FORMAT = "sightline-toxicity-2"  # 1 was a network alone, without n-grams and card
_OWN_LAYERS = "own_layers."
Tensor = npt.NDArray[Any]
_Take = Callable[[str, tuple[int | None, ...], type[np.generic]], Tensor]


def save_model(model: ToxicityModel, file: Path) -> None:
    """Write a model; the same model gives the same bytes."""
    own = model.own_layers
    parts = (("toxic", model.toxic), ("fine", model.fine), ("screen", own.screen if own else None))
    heads = {name: head for name, head in parts if head is not None}
    tensors = dict(pair for name, head in heads.items() for pair in _tensors_of(name, head))
    if model.prefilter is not None:
        tensors.update(_network_tensors("prefilter", model.prefilter.network))
    if own is not None:
        tensors.update((_OWN_LAYERS + name, np.ascontiguousarray(tensor)) for name, tensor in own.tensors.items())
    tables = {name: [_spelled(table.spec) for table in head.tables] for name, head in heads.items()}
    document = {"format": FORMAT, "hash": HASH, "tables": tables, "card": asdict(model.card)}
    save_file(tensors, file, metadata={"sightline": json.dumps(document, sort_keys=True, ensure_ascii=False)})
    file.chmod(0o644)  # the library makes it readable by its maker alone, who need not be who serves


def load_model(file: Path) -> ToxicityModel:
    """Read a model. Blocks: a few milliseconds for each megabyte.

    Raises:
        SettingInvalid: there is no such file, it is truncated or damaged, or it is no toxicity model.
    """
    try:
        with safe_open(file, framework="numpy") as stored:
            metadata: dict[str, str] = stored.metadata() or {}
            tensors: dict[str, Tensor] = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - no dict
        document = json.loads(metadata["sightline"])
        return _assembled(document, tensors)
    except FileNotFoundError:
        raise SettingInvalid(f"toxicity model: there is no file {file}") from None
    except KeyError as error:
        raise SettingInvalid(f"toxicity model: {file} is no toxicity model: it lacks {error}") from error
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise SettingInvalid(f"toxicity model: {file} cannot be read: {error}") from error


def _assembled(document: Mapping[str, Any], tensors: dict[str, Tensor]) -> ToxicityModel:
    if (document["format"], document["hash"]) != (FORMAT, HASH):
        raise ValueError(f"its format is {document['format']} ({document['hash']}), expected {FORMAT} ({HASH})")
    card = _card(document["card"])
    unread = _Unread(tensors)
    heads = {
        name: _head(name, document["tables"][name], unread.take, outputs=outputs, inputs=inputs)
        for name, outputs, inputs in _expected_heads(card)
    }
    prefilter = Prefilter(_network("prefilter", unread.take, outputs=1)) if unread.has("prefilter") else None
    own_layers = OwnLayers(unread.own_layers(), heads["screen"]) if "screen" in heads else None
    unread.require_nothing_left()
    return ToxicityModel(card, heads.get("toxic"), heads.get("fine"), prefilter, own_layers)


def _expected_heads(card: ModelCard) -> Iterator[tuple[str, int, int]]:
    """Give each head's name, its outputs, and the outputs of each of its parts."""
    if card.fine_tuned is not FineTune.NONE:
        yield "screen", 1, 1
    if card.stages is Stages.ONE:
        classes = 1 + len(card.categories)
        yield "fine", classes, classes
        return
    yield "toxic", 1, 1
    if card.categories:
        yield "fine", len(card.categories), len(card.categories)


def _head(name: str, tables: Sequence[Mapping[str, Any]], take: _Take, *, outputs: int, inputs: int) -> Head:
    specs = [NgramSpec(Unit(table["unit"]), tuple(table["orders"]), table["rows"]) for table in tables]
    return Head(
        network=_network(f"{name}.network", take, outputs=inputs),
        tables=tuple(
            NgramTable(
                spec,
                weights=take(f"{name}.tables.{number}.weights", (spec.rows, inputs), np.float16),
                bias=take(f"{name}.tables.{number}.bias", (inputs,), np.float32),
            )
            for number, spec in enumerate(specs)
        ),
        stack_weight=take(f"{name}.stack_weight", ((1 + len(specs)) * inputs, outputs), np.float32),
        stack_bias=take(f"{name}.stack_bias", (outputs,), np.float32),
    )


def _network(name: str, take: _Take, *, outputs: int) -> Network:
    hidden = take(f"{name}.hidden_weight", (None, None), np.float32)
    units = hidden.shape[1]
    return Network(
        hidden_weight=hidden,
        hidden_bias=take(f"{name}.hidden_bias", (units,), np.float32),
        output_weight=take(f"{name}.output_weight", (units, outputs), np.float32),
        output_bias=take(f"{name}.output_bias", (outputs,), np.float32),
    )


def _network_tensors(name: str, network: Network) -> Iterator[tuple[str, Tensor]]:
    for part in ("hidden_weight", "hidden_bias", "output_weight", "output_bias"):
        yield f"{name}.{part}", np.ascontiguousarray(getattr(network, part), dtype=np.float32)


def _tensors_of(name: str, head: Head) -> Iterator[tuple[str, Tensor]]:
    yield from _network_tensors(f"{name}.network", head.network)
    for number, table in enumerate(head.tables):
        yield f"{name}.tables.{number}.weights", np.ascontiguousarray(table.weights, dtype=np.float16)
        yield f"{name}.tables.{number}.bias", np.ascontiguousarray(table.bias, dtype=np.float32)
    yield f"{name}.stack_weight", np.ascontiguousarray(head.stack_weight, dtype=np.float32)
    yield f"{name}.stack_bias", np.ascontiguousarray(head.stack_bias, dtype=np.float32)


@dataclass
class _Unread:
    """The tensors of a file that nothing has asked for yet."""

    tensors: dict[str, Tensor]

    def take(self, name: str, shape: tuple[int | None, ...], kind: type[np.generic]) -> Tensor:
        tensor = self.tensors.pop(name)
        fits = len(tensor.shape) == len(shape) and all(
            wanted in (None, size) for wanted, size in zip(shape, tensor.shape, strict=True)
        )
        if not fits or tensor.dtype != kind:
            wanted = f"{kind.__name__} [{', '.join('any' if size is None else str(size) for size in shape)}]"
            raise ValueError(f"{name} is {tensor.dtype} {list(tensor.shape)}, expected {wanted}")
        if not np.isfinite(tensor).all():
            raise ValueError(f"{name} holds numbers that are not finite")
        return tensor

    def has(self, part: str) -> bool:
        """Whether there is anything of an optional part; then all of it must be there."""
        return any(name.startswith(f"{part}.") for name in self.tensors)

    def own_layers(self) -> dict[str, npt.NDArray[np.float16]]:
        """Take the tensors that stand for the encoder's; whether they fit it is seen when it is there."""
        names = [name for name in self.tensors if name.startswith(_OWN_LAYERS)]
        if not names:
            raise ValueError("its card says that it is fine-tuned, and it has no layers of its own")
        return {
            name.removeprefix(_OWN_LAYERS): self.take(name, (None,) * self.tensors[name].ndim, np.float16)
            for name in names
        }

    def require_nothing_left(self) -> None:
        if self.tensors:
            raise ValueError(f"it holds tensors that belong to no part: {', '.join(sorted(self.tensors))}")


def _spelled(spec: NgramSpec) -> dict[str, Any]:
    return {"unit": spec.unit.value, "orders": list(spec.orders), "rows": spec.rows}


def _card(document: Mapping[str, Any]) -> ModelCard:
    thresholds = Thresholds(**{name: float(value) for name, value in document["thresholds"].items()})
    fields = dict(document) | {
        "categories": tuple(document["categories"]),
        "stages": Stages(document["stages"]),
        "fine_tuned": FineTune(document.get("fine_tuned", FineTune.NONE)),
        "thresholds": thresholds,
    }
    return ModelCard(**fields)

"""Give a model layers of its own: train the encoder's last third, or all of it, with the networks that read it.

In go the encoder, networks that were fitted on it as it is, and labelled texts; out come the trained tensors and
networks. A network that already reads the encoder well keeps the first steps from spoiling what the layers know (linear
probing, then fine-tuning). Some of the training texts are not learnt from and say when to stop; nothing of what
calibrates or tests is seen here.

The same data, seed, libraries and number of threads give the same layers on a processor. Tensors leave as float16,
and whatever reads their features afterwards reads those of the rounded ones. Needs the `finetune` extra.

Source: Kumar et al., Fine-tuning can distort pretrained features (2022); Devlin et al., BERT (2019), for the rates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from transformers import BertConfig, BertModel

from embedder.models import BertWeights, ModelFolder
from embedder.runtimes.openvino import pad
from embedder.runtimes.port import feature_layers
from embedder.toxicity.learning.fitting import Kind, Targets
from embedder.toxicity.model import FineTune
from embedder.toxicity.parts import Network
from vocabulary.documents import TokenIds

_EPOCHS = 3  # two to four, Devlin et al.; the validation texts mostly end it before
_BATCH = 32
_LAYER_RATE = 1e-4  # twice theirs of BERT-base: small models bear and need it
_NETWORK_RATE = 1e-3
_WEIGHT_DECAY = 0.01
_WARM_UP_SHARE = 0.1
_LOOKS_PER_EPOCH = 2
_PATIENCE = 2  # looks without a better loss
_SORTED_BATCHES = 16  # so many are cut from one stretch sorted by length: a fifth of the padding, and still at random

_State: TypeAlias = dict[str, Tensor]
_NetworkTensors: TypeAlias = dict[str, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What one network learns: targets as `Kind` says, of the texts that have one."""

    kind: Kind
    network: Network
    targets: Targets
    known: npt.NDArray[np.bool_]  # [n]


@dataclass(frozen=True, slots=True, eq=False)
class FineTuned:
    """Tensors of the encoder by name, and the tasks' networks in their order."""

    tensors: Mapping[str, npt.NDArray[np.float16]]
    networks: Sequence[Network]
    steps: int
    loss_before: float  # of the validation texts, summed over the tasks
    loss: float


def fine_tune(
    which: FineTune,
    folder: ModelFolder,
    weights: BertWeights,
    *,
    special_ids: tuple[int, int],
    sequences: Sequence[TokenIds],
    validating: npt.NDArray[np.bool_],
    tasks: Sequence[Task],
    seed: int,
    progress: Callable[[str], None] = lambda line: None,
) -> FineTuned:
    """Train; blocks for minutes. Sequences are within the model's limit; `validating` are not learnt from."""
    texts = _Texts(sequences, special_ids)
    with _seeded(seed):
        trainee = _Trainee(which, folder, weights, tasks)
        stop = _train(trainee, texts, validating, seed, progress)
    return FineTuned(trainee.tensors(), trainee.networks(), stop.steps, stop.before, stop.best)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Make torch repeat itself, and leave its generator and its mode as they were."""
    strict = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict)


def _step(trainee: _Trainee, texts: _Texts, rows: npt.NDArray[np.int64], optimiser: Any) -> None:
    trainee.train(True)
    optimiser.zero_grad()
    torch.stack(_losses(trainee, texts, rows, "mean")).sum().backward()
    optimiser.step()


def _loss(trainee: _Trainee, texts: _Texts, rows: npt.NDArray[np.int64]) -> float:
    """Return the mean loss over the texts that a task knows, summed over the tasks."""
    trainee.train(False)
    sums = np.zeros(len(trainee.tasks))
    with torch.no_grad():
        for batch in texts.batches(rows, None):
            sums += [float(each) for each in _losses(trainee, texts, batch, "sum")]
    counts = np.array([max(1, np.count_nonzero(task.known[rows])) for task in trainee.tasks])
    return float((sums / counts).sum())


def _losses(trainee: _Trainee, texts: _Texts, rows: npt.NDArray[np.int64], reduction: str) -> list[Tensor]:
    logits = trainee.logits(*texts.padded(rows))
    return [texts.loss(task, each, rows, reduction) for task, each in zip(trainee.tasks, logits, strict=True)]


class _Texts:
    """Batches of sequences with what the tasks want of them."""

    def __init__(self, sequences: Sequence[TokenIds], special_ids: tuple[int, int]) -> None:
        self._sequences, self._special_ids = sequences, special_ids
        self._lengths = np.array([len(sequence) for sequence in sequences])

    def padded(self, rows: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return ids [n, width] and which of them are real, [n, width]."""
        ids, lengths = pad([self._sequences[row] for row in rows], self._special_ids)
        return torch.from_numpy(ids).long(), torch.from_numpy(np.arange(ids.shape[1]) < lengths[:, None])

    def loss(self, task: Task, logits: Tensor, rows: npt.NDArray[np.int64], reduction: str) -> Tensor:
        """Return the loss of those rows that have a target; 0 where none has."""
        known = np.flatnonzero(task.known[rows])
        if not len(known):
            return logits.sum() * 0
        targets, found = torch.from_numpy(task.targets[rows][known]), logits[torch.from_numpy(known)]
        if task.kind is Kind.EXCLUSIVE:
            return functional.cross_entropy(found, targets, reduction=reduction)
        return functional.binary_cross_entropy_with_logits(
            found, targets.float().reshape(found.shape), reduction=reduction
        )

    def batches(self, rows: npt.NDArray[np.int64], shuffle: np.random.Generator | None) -> list[npt.NDArray[np.int64]]:
        """Cut batches of similar length, at random or, without a generator, always alike."""
        order = rows if shuffle is None else shuffle.permutation(rows)
        stretch = len(rows) if shuffle is None else _BATCH * _SORTED_BATCHES
        batches = []
        for start in range(0, len(order), stretch):
            part = order[start : start + stretch]
            part = part[np.argsort(self._lengths[part], kind="stable")]
            batches += [part[first : first + _BATCH] for first in range(0, len(part), _BATCH)]
        return batches if shuffle is None else [batches[number] for number in shuffle.permutation(len(batches))]


class _Trainee:
    """The encoder in torch, with the networks of the tasks; only what is trained has gradients."""

    def __init__(self, which: FineTune, folder: ModelFolder, weights: BertWeights, tasks: Sequence[Task]) -> None:
        config = BertConfig.from_pretrained(folder.path, local_files_only=True)
        self._bert = BertModel(config, add_pooling_layer=False)
        self._bert.load_state_dict({name: torch.from_numpy(each) for name, each in weights.tensors.items()})
        self._feature_layers = feature_layers(folder.shape.layers)
        self._first = 0 if which is FineTune.ENCODER else self._feature_layers[1]
        self._whole = which is FineTune.ENCODER
        self._bert.requires_grad_(self._whole)
        for layer in self._bert.encoder.layer[self._first :]:
            layer.requires_grad_(True)
        self.tasks = tasks
        self._networks = [_tensors_of(task.network) for task in tasks]

    @property
    def groups(self) -> list[dict[str, Any]]:
        """What an optimiser trains, and how fast."""
        layers = [each for each in self._bert.parameters() if each.requires_grad]
        networks = [each for network in self._networks for each in network.values()]
        return [{"params": layers, "lr": _LAYER_RATE}, {"params": networks, "lr": _NETWORK_RATE}]

    def train(self, learning: bool) -> None:
        """Switch dropout, of the trained layers alone: the others give what they always give."""
        self._bert.train(learning and self._whole)
        for layer in self._bert.encoder.layer[self._first :]:
            layer.train(learning)

    def logits(self, ids: Tensor, real: Tensor) -> list[Tensor]:
        """Return each task's logits, [n, outputs]."""
        states = self._bert(input_ids=ids, attention_mask=real.long(), output_hidden_states=True).hidden_states
        shares = (real / real.sum(1, keepdim=True)).unsqueeze(1)
        means = [(shares @ states[layer]).squeeze(1) for layer in self._feature_layers]
        maximum = states[-1].masked_fill(~real.unsqueeze(2), -torch.inf).amax(1)
        features = torch.cat([*means, maximum], 1)
        return [
            functional.relu(features @ each["hidden_weight"] + each["hidden_bias"]) @ each["output_weight"]
            + each["output_bias"]
            for each in self._networks
        ]

    def state(self) -> tuple[_State, list[_NetworkTensors]]:
        """Return copies of all that is trained."""
        layers = {name: each.detach().clone() for name, each in self._trained()}
        return layers, [{name: each.detach().clone() for name, each in one.items()} for one in self._networks]

    def restore(self, state: tuple[_State, list[_NetworkTensors]]) -> None:
        layers, networks = state
        with torch.no_grad():
            for name, each in self._trained():
                each.copy_(layers[name])
            for one, kept in zip(self._networks, networks, strict=True):
                for name, each in one.items():
                    each.copy_(kept[name])

    def tensors(self) -> dict[str, npt.NDArray[np.float16]]:
        return {name: each.detach().numpy().astype(np.float16) for name, each in self._trained()}

    def networks(self) -> list[Network]:
        return [Network(**{name: each.detach().numpy().copy() for name, each in one.items()}) for one in self._networks]

    def _trained(self) -> Iterator[tuple[str, Tensor]]:
        yield from ((name, each) for name, each in self._bert.named_parameters() if each.requires_grad)


def _tensors_of(network: Network) -> _NetworkTensors:
    names = ("hidden_weight", "hidden_bias", "output_weight", "output_bias")
    return {name: torch.tensor(getattr(network, name), requires_grad=True) for name in names}


class _EarlyStop:
    """Keeps the best state by the validation loss, and says when to wait for no better one."""

    def __init__(self, trainee: _Trainee, loss: float) -> None:
        self._trainee = trainee
        self.before = self.best = loss
        self.steps = 0
        self._kept = trainee.state()
        self._patience = _PATIENCE

    def look(self, loss: float, step: int) -> bool:
        """Take over a loss after so many steps; returns whether to stop."""
        if loss < self.best:
            self.best, self.steps, self._kept, self._patience = loss, step, self._trainee.state(), _PATIENCE
        else:
            self._patience -= 1
        return not self._patience

    def restore(self) -> None:
        self._trainee.restore(self._kept)


def _train(
    trainee: _Trainee, texts: _Texts, validating: npt.NDArray[np.bool_], seed: int, progress: Callable[[str], None]
) -> _EarlyStop:
    """Train until the validation texts tell to stop, and go back to what they found best."""
    learnt, held = np.flatnonzero(~validating), np.flatnonzero(validating)
    shuffle = np.random.default_rng(seed)
    steps = _EPOCHS * -(-len(learnt) // _BATCH)
    optimiser = torch.optim.AdamW(trainee.groups, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _rates(steps))
    stop = _EarlyStop(trainee, _loss(trainee, texts, held))
    progress(f"fine-tuning on {len(learnt):,} texts; validation loss {stop.before:.4f}")
    batches = (batch for _ in range(_EPOCHS) for batch in texts.batches(learnt, shuffle))
    look_every = -(-steps // (_EPOCHS * _LOOKS_PER_EPOCH))
    for step, rows in enumerate(batches, start=1):
        _step(trainee, texts, rows, optimiser)
        schedule.step()
        if step % look_every and step < steps:
            continue
        loss = _loss(trainee, texts, held)
        progress(f"fine-tuned {step:,} of {steps:,} steps; validation loss {loss:.4f}")
        if stop.look(loss, step):
            break
    stop.restore()
    return stop


def _rates(steps: int) -> Callable[[int], float]:
    """Rise from nothing, then fall to nothing."""
    rising = max(1, int(_WARM_UP_SHARE * steps))
    return lambda step: min((step + 1) / rising, max(0.0, (steps - step) / max(1, steps - rising)))

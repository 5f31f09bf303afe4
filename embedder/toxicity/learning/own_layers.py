"""From heads that read the encoder as it is to heads that read layers of their own.

The tables of n-grams stay. Networks are fitted anew without the texts that say when to stop, and trained on together
with the layers; every regression is fitted anew on the texts that calibrate, which neither has seen. What was fitted
before becomes the model's screen.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from embedder.toxicity.learning.encoding import Encoder
from embedder.toxicity.learning.examples import Example
from embedder.toxicity.learning.fitting import Kind, fit_around, fit_network
from embedder.toxicity.learning.jobs import Fitted, Job
from embedder.toxicity.model import FineTune, OwnLayers
from embedder.toxicity.parts import Head, Network
from vocabulary.errors import SettingInvalid, SettingMissing

# Fewer texts move hundreds of thousands of weights at random, and a tenth of them calibrates nothing.
LEAST_TO_FINE_TUNE = 1_000
_LEAST_TO_CALIBRATE = 30


# Of the training texts, those that say when to stop: about, at least and at most so many.
_VALIDATION_SHARE, _LEAST_VALIDATION_SHARE, _MOST_VALIDATION_SHARE = 0.1, 0.05, 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """Heads by their names, the layers that they read, and what is to be said of them."""

    heads: Mapping[str, Fitted]
    own_layers: OwnLayers
    encoder: Encoder  # the one that has these layers
    note: str


def require_fine_tuning() -> Any:
    """Import what fine-tunes, which takes seconds.

    Raises:
        SettingMissing: the `finetune` extra is not installed.
    """
    try:
        from embedder.toxicity.learning import fine_tuning  # noqa: PLC0415 - torch, which training does without
    except ImportError as error:
        raise SettingMissing(
            f"fine-tuning needs the `finetune` extra ({error.name} is missing): pip install 'sightline[finetune]'"
        ) from error
    return fine_tuning


def refuse_too_few(training: Sequence[Example]) -> None:
    """Raise SettingInvalid where there are too few training texts to fine-tune anything, or too few groups of them."""
    if len(training) < LEAST_TO_FINE_TUNE:
        raise SettingInvalid(
            f"--fine-tune needs at least {LEAST_TO_FINE_TUNE:,} training texts and there are {len(training):,}; "
            "with --fine-tune none the encoder stays as it is"
        )
    validation_texts([example.group for example in training])


def validation_texts(groups: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Choose whole groups that hold a tenth of the texts, or as near to it as groups allow; at most three tenths.

    A random order of the groups, by another hash than the one that splits off the test: of that one, some buckets are
    gone from here. A group that would make too many is passed over.

    Raises:
        SettingInvalid: nearly all texts are of groups that are too large.
    """
    sizes = Counter(groups)
    chosen: set[str] = set()
    held = 0
    for group in sorted(sizes, key=lambda each: hashlib.sha256(f"validation {each}".encode()).digest()):
        if held >= _VALIDATION_SHARE * len(groups):
            break
        if held + sizes[group] <= _MOST_VALIDATION_SHARE * len(groups):
            chosen.add(group)
            held += sizes[group]
    if held < _LEAST_VALIDATION_SHARE * len(groups):
        raise SettingInvalid(
            f"--fine-tune stops by groups of texts that it does not learn from, about {_VALIDATION_SHARE:.0%} of them; "
            f"the {len(groups):,} texts are of {len(sizes):,} groups, most of them of one: give finer groups, or none"
        )
    return np.array([group in chosen for group in groups], dtype=bool)


def refuse_too_few_to_calibrate(job: Job, held: Sequence[Example]) -> None:
    """Raise SettingInvalid where a head's regression would learn from next to nothing, or from one answer only."""
    answers = {str(job.target(example)) for example in held}
    if len(held) < _LEAST_TO_CALIBRATE or len(answers) < 2:
        raise SettingInvalid(
            f"--fine-tune needs {_LEAST_TO_CALIBRATE} texts of several kinds to calibrate the {job.plan.kind} head "
            f"(a tenth of those labelled for it), and there are {len(held)} of {len(answers)}; use --fine-tune none"
        )


def with_own_layers(
    which: FineTune,
    encoder: Encoder,
    heads: Mapping[str, Fitted],
    *,
    screen: Head,
    training: Sequence[Example],
    seed: int,
    say: Callable[[str], None],
) -> Tuned:
    """Fine-tune for all heads together, on the training examples that networks learn from. Blocks for minutes."""
    learning = require_fine_tuning()
    texts = encoder.read([example.text for example in training])
    validating = validation_texts([example.group for example in training])
    tuned = learning.fine_tune(
        which,
        encoder.folder,
        encoder.weights,
        special_ids=encoder.tokeniser.special_ids,
        sequences=[text.tokens.ids[: encoder.max_tokens] for text in texts],
        validating=validating,
        tasks=[_task(learning, encoder, each.job, training, validating) for each in heads.values()],
        seed=seed,
        progress=say,
    )
    own = OwnLayers(tuned.tensors, screen)
    judge = encoder.with_layers(own)
    refitted = {
        name: _refitted(judge, each, network)
        for (name, each), network in zip(heads.items(), tuned.networks, strict=True)
    }
    note = (
        f"fine-tuned ({which.value}) for {tuned.steps:,} steps; the loss of validation texts fell from "
        f"{tuned.loss_before:.4f} to {tuned.loss:.4f}"
    )
    return Tuned(refitted, own, judge, note)


def first_network(
    encoder: Encoder, job: Job, training: Sequence[Example], validating: npt.NDArray[np.bool_]
) -> Network:
    """Fit a network to begin with that has seen no validation text: of those that it knew it would look best."""
    learnt = [example for example, held in zip(training, validating, strict=True) if not held]
    return fit_network(job.plan, job.lot(encoder, job.of(learnt), lambda done, total: None))


def _task(
    learning: Any, encoder: Encoder, job: Job, training: Sequence[Example], validating: npt.NDArray[np.bool_]
) -> Any:
    plan = job.plan
    wanted = [job.target(example) for example in training]
    nothing: Any = [0] * plan.outputs if plan.kind is Kind.INDEPENDENT else 0
    return learning.Task(
        kind=plan.kind,
        network=first_network(encoder, job, training, validating),
        targets=np.array([nothing if each is None else each for each in wanted], dtype=np.int64),
        known=np.array([each is not None for each in wanted], dtype=bool),
    )


def _refitted(judge: Encoder, fitted: Fitted, network: Network) -> Fitted:
    job = fitted.job
    lot = job.lot(judge, fitted.calibration, lambda done, total: None)
    head = fit_around(job.plan, network, fitted.head.tables, lot)
    return Fitted(job, head, fitted.calibration, head.logits(lot.features, lot.texts), lot.targets)

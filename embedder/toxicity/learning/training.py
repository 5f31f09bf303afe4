"""Files of labelled texts to a toxicity model and its figures: read, unite, split, encode, fit, measure.

Tables of n-grams learn from every training text; the network only from as many as the encoder can read in minutes, a
choice by hash that is the same on every machine and grows with its size. Everything that is left out is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from embedder.toxicity.learning.clean_text import held_out_keys, own_clean_examples
from embedder.toxicity.learning.encoding import Encoder
from embedder.toxicity.learning.examples import (
    Example,
    Split,
    Unique,
    sampling_order,
    split_examples,
    with_known_categories,
    without_duplicates,
)
from embedder.toxicity.learning.figures import Figures, threshold_of_best_f1, threshold_of_precision
from embedder.toxicity.learning.fitting import Kind, Plan, fit_with_folds, fit_with_held_apart
from embedder.toxicity.learning.jobs import Fitted, Job
from embedder.toxicity.learning.manifest import Part
from embedder.toxicity.learning.measuring import measure, measure_screen
from embedder.toxicity.learning.own_layers import (
    refuse_too_few,
    refuse_too_few_to_calibrate,
    require_fine_tuning,
    with_own_layers,
)
from embedder.toxicity.learning.reading import Reading, read_part
from embedder.toxicity.model import FineTune, ModelCard, OwnLayers, Stages, Thresholds, ToxicityModel
from embedder.toxicity.ngrams import Array, NgramSpec, Unit
from embedder.toxicity.parts import sigmoid, softmax
from embedder.toxicity.prefilter_training import fit_prefilter
from vocabulary.errors import SettingInvalid

# On held-out GameTox, 2^16 rows of character n-grams cost .0025 of AUC and .004 of F1 against 2^18.
_TOXIC_TABLES = (NgramSpec(Unit.WORD_PIECES, (1, 2), 1 << 17), NgramSpec(Unit.CHARACTERS, (2, 3, 4, 5), 1 << 18))
# One column for each category, and fewer texts to fill them.
_FINE_TABLES = (NgramSpec(Unit.WORD_PIECES, (1, 2), 1 << 15), NgramSpec(Unit.CHARACTERS, (2, 3, 4, 5), 1 << 16))
_FEW = 4_000  # training texts below which folds calibrate instead of a set held apart
_FEW_TO_TEST = 1_000  # given texts below which three tenths are held out: a tenth would say nothing
_OWN_CLEAN = 400  # of the project's own clean texts at least; more where more is given
_LEAST_OF_CATEGORY = 10
_LEAST = 20  # texts of either kind; fewer cannot be learnt, calibrated and tested
_MOST_HELD_APART = 4_000  # encoded for calibration, and as many for the test
_HIDE_PRECISION = 0.95
_PREFILTER_TEXTS = 2_000  # of either kind; more passages than these give cost minutes of encoding
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be trained."""

    name: str
    parts: Sequence[Part]
    encoder: str = "all-MiniLM-L6-v2"
    stages: Stages = Stages.TWO
    fine_tune: FineTune = FineTune.NONE
    seed: int = 20
    network_examples: int = 50_000
    cache: Path | None = None
    command: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A model without its version yet, and everything that its report tells."""

    model: ToxicityModel
    figures: Figures
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Unique examples by what they are for, and how they came to be these."""

    readings: Sequence[Reading]
    unique: Unique
    rare: Counter[str]
    by_split: dict[Split, list[Example]]

    @property
    def categories(self) -> tuple[str, ...]:
        learnt = (name for example in self.by_split[Split.TRAIN] for name in example.categories or ())
        return tuple(sorted(set(learnt)))

    @property
    def multi_label(self) -> bool:
        return any(
            example.toxic and example.categories is not None and len(example.categories) != 1
            for examples in self.by_split.values()
            for example in examples
        )


def train(order: Order, say: Say = lambda line: None) -> Trained:
    """Train and measure a model. Blocks for minutes.

    Raises:
        SettingInvalid: the data cannot be read, or is too little or of one kind only.
        ConfigurationError: the encoder cannot be loaded; or fine-tuning is asked for and not installed.
    """
    material = gather(order.parts, own=own_clean_examples())
    if order.fine_tune is not FineTune.NONE:
        require_fine_tuning()
        refuse_too_few(material.by_split[Split.TRAIN][: order.network_examples])
    say(_told(material))
    encoder = Encoder.load(order.encoder, cache=order.cache)
    trainer = _Trainer(order, material, encoder, say)
    model = trainer.with_prefilter(trainer.fit())
    say("measuring")
    figures = measure(model, material.by_split[Split.TEST], encoder, trainer.judging, most=_MOST_HELD_APART)
    if model.own_layers is not None and trainer.screen_threshold is not None:
        held_out = material.by_split[Split.TEST][:_MOST_HELD_APART]
        figures["before_fine_tuning"] = measure_screen(model.own_layers, trainer.screen_threshold, held_out, encoder)
    card = replace(model.card, figures=_summary(figures))
    return Trained(replace(model, card=card), figures, trainer.notes)


def gather(parts: Sequence[Part], *, own: Sequence[Example] = ()) -> Material:
    """Read parts, keep each text once, and split. Raises SettingInvalid where nothing can be learnt from them."""
    readings = [read_part(part) for part in parts]
    given = [example for reading in readings for example in reading.examples]
    few = len(given) < _FEW_TO_TEST
    own = own[: max(_OWN_CLEAN, len(given) // 4)]  # more would make toxic texts look rarer than they are
    unique = without_duplicates([*given, *own], held_out=held_out_keys())
    examples, rare = with_known_categories(unique.examples, at_least=_LEAST_OF_CATEGORY)
    by_split: dict[Split, list[Example]] = {split: [] for split in Split}
    for example, split in zip(examples, split_examples(examples, test_tenths=3 if few else 1), strict=True):
        by_split[split].append(example)
    for chosen in by_split.values():
        chosen.sort(key=sampling_order)
    _refuse_too_little(given)
    return Material(readings, unique, rare, by_split)


def _refuse_too_little(given: Sequence[Example]) -> None:
    toxic = len({example.key for example in given if example.toxic})
    clean = len({example.key for example in given if not example.toxic})
    if min(toxic, clean) < _LEAST:
        raise SettingInvalid(
            f"the data has {toxic} different toxic and {clean} different clean texts; at least {_LEAST} of either "
            "kind are needed (which labels count as clean is set by --clean-label)"
        )


def _told(material: Material) -> str:
    counts = ", ".join(f"{len(examples):,} to {split.value}" for split, examples in material.by_split.items())
    return f"{len(material.unique.examples):,} texts ({counts}); {material.unique.removed:,} duplicates removed"


class _Trainer:
    """The heads of one order, fitted one behind the other on the same encoded texts."""

    def __init__(self, order: Order, material: Material, encoder: Encoder, say: Say) -> None:
        self._order, self._material, self._encoder, self._say = order, material, encoder, say
        self.notes: list[str] = []
        self.judging = encoder  # what the fitted model's heads read
        self.screen_threshold: float | None = None
        self._categories = material.categories if len(material.categories) > 1 else ()
        self._multi_label = bool(self._categories) and material.multi_label
        if order.stages is Stages.ONE and (self._multi_label or not self._categories):
            raise SettingInvalid(
                "one stage needs exactly one of several categories for every toxic text; "
                "use two stages for texts with several or with none"
            )

    def fit(self) -> ToxicityModel:
        heads = {name: self._fit(job) for name, job in self._jobs().items()}
        own_layers = None
        if self._order.fine_tune is not FineTune.NONE:
            heads, own_layers = self._fine_tuned(heads)
        one_stage = self._order.stages is Stages.ONE
        decisive = heads["fine" if one_stage else "toxic"]
        scores = 1 - softmax(decisive.logits)[:, 0] if one_stage else sigmoid(decisive.logits[:, 0])
        toxic, fine = (heads[name].head if name in heads else None for name in ("toxic", "fine"))
        return ToxicityModel(self._card(scores, decisive.targets > 0), toxic, fine, own_layers=own_layers)

    def _jobs(self) -> dict[str, Job]:
        binary = Job(Plan(Kind.BINARY, 1, _TOXIC_TABLES, self._order.seed), lambda example: int(example.toxic))
        if self._order.stages is Stages.ONE:
            plan = Plan(Kind.EXCLUSIVE, 1 + len(self._categories), _TOXIC_TABLES, self._order.seed)
            return {"fine": Job(plan, self._class)}
        if not self._categories:
            return {"toxic": binary}
        kind = Kind.INDEPENDENT if self._multi_label else Kind.EXCLUSIVE
        plan = Plan(kind, len(self._categories), _FINE_TABLES, self._order.seed)
        return {"toxic": binary, "fine": Job(plan, self._several if self._multi_label else self._which)}

    def _fine_tuned(self, heads: Mapping[str, Fitted]) -> tuple[dict[str, Fitted], OwnLayers]:
        plan = Plan(Kind.BINARY, 1, _TOXIC_TABLES, self._order.seed)
        screen = heads["toxic"] if "toxic" in heads else self._fit(Job(plan, lambda example: int(example.toxic)))
        self.screen_threshold = threshold_of_best_f1(sigmoid(screen.logits[:, 0]), screen.targets > 0)
        tuned = with_own_layers(
            self._order.fine_tune,
            self._encoder,
            heads,
            screen=screen.head,
            training=self._material.by_split[Split.TRAIN][: self._order.network_examples],
            seed=self._order.seed,
            say=self._say,
        )
        self.notes.append(tuned.note)
        self.judging = tuned.encoder
        return dict(tuned.heads), tuned.own_layers

    def with_prefilter(self, model: ToxicityModel) -> ToxicityModel:
        """Add what tells the cascade where to look; without enough text for one, it looks everywhere."""
        training = self._material.by_split[Split.TRAIN]
        toxic = [example.text for example in training if example.toxic][:_PREFILTER_TEXTS]
        clean = [example.text for example in training if example.is_clean_text][:_PREFILTER_TEXTS]
        self._say("learning the prefilter")
        fitted = fit_prefilter(
            self._encoder.read(toxic),
            self._encoder.read(clean),
            blocks_of=self._encoder.blocks,
            seed=self._order.seed,
        )
        if fitted is None:
            self.notes.append("too little text for a prefilter: every sentence of every passage will be looked at")
            return model
        self.notes.append(
            f"the prefilter looks at {fitted.recall:.3f} of toxic sentences in clean passages and reads "
            f"{fitted.reread_share:.4f} of clean text twice"
        )
        thresholds = replace(model.card.thresholds, prefilter=fitted.threshold)
        return replace(model, card=replace(model.card, thresholds=thresholds), prefilter=fitted.prefilter)

    def _fit(self, job: Job) -> Fitted:
        """Fit a head on the examples that have a target."""
        training, calibration = (job.of(self._material.by_split[split]) for split in (Split.TRAIN, Split.CALIBRATE))
        kind = job.plan.kind.value
        # Folds leave nothing that the parts have not seen, and so nothing to fit a fine-tuned model's regression on.
        if len(training) < _FEW and self._order.fine_tune is FineTune.NONE:
            together = training + calibration
            self._say(f"learning {kind} from {len(together):,} texts in folds")
            lot = job.lot(self._encoder, together, self._progress)
            head, logits = fit_with_folds(job.plan, lot, [example.group for example in together])
            return Fitted(job, head, together, logits, lot.targets)
        sample = {example.key for example in self._material.by_split[Split.TRAIN][: self._order.network_examples]}
        chosen = [example for example in training if example.key in sample]
        kept_apart = {example.key for example in self._material.by_split[Split.CALIBRATE][:_MOST_HELD_APART]}
        held = [example for example in calibration if example.key in kept_apart]
        if self._order.fine_tune is not FineTune.NONE:
            refuse_too_few_to_calibrate(job, held)
        if len(chosen) < len(training):
            self.notes.append(f"the network of the {kind} head learnt from {len(chosen):,} of {len(training):,} texts")
        self._say(f"learning {kind} from {len(training):,} texts, {len(chosen):,} of them encoded")
        apart = job.lot(self._encoder, held, self._progress)
        head = fit_with_held_apart(
            job.plan,
            all_texts=job.bare_lot(self._encoder, training),
            encoded=job.lot(self._encoder, chosen, self._progress),
            calibration=apart,
        )
        return Fitted(job, head, held, head.logits(apart.features, apart.texts), apart.targets)

    def _progress(self, done: int, total: int) -> None:
        self._say(f"encoded {done:,} of {total:,} new texts")

    def _class(self, example: Example) -> int | None:
        return self._which(example, first=1) if example.toxic else 0

    def _which(self, example: Example, first: int = 0) -> int | None:
        known = example.toxic and example.categories
        return first + self._categories.index(example.categories[0]) if known and example.categories else None

    def _several(self, example: Example) -> list[int] | None:
        if not example.toxic or example.categories is None:
            return None
        return [int(name in example.categories) for name in self._categories]

    def _card(self, scores: Array, toxic: Any) -> ModelCard:
        flag = threshold_of_best_f1(scores, toxic)
        hide = threshold_of_precision(scores, toxic, wanted=_HIDE_PRECISION, at_least=flag)
        return ModelCard(
            name=self._order.name,
            version="",
            encoder=self._encoder.name,
            encoder_sha256=self._encoder.sha256,
            categories=self._categories,
            multi_label=self._multi_label,
            stages=self._order.stages,
            fine_tuned=self._order.fine_tune,
            thresholds=Thresholds(prefilter=flag / 4, flag=flag, hide=hide),
            data=[_described(reading) for reading in self._material.readings],
            made_with={"command": self._order.command, "seed": self._order.seed}
            | {"network_examples": self._order.network_examples, "counts": _counts(self._material)},
        )


def _described(reading: Reading) -> dict[str, Any]:
    return {
        "source": reading.part.name,
        "file": reading.part.path.name,
        "sha256": reading.sha256,
        "texts": len(reading.examples),
        "toxic": sum(example.toxic for example in reading.examples),
        "skipped_lines": dict(reading.skipped),
        "licence": reading.part.licence,
        "origin": reading.part.origin,
    }


def _counts(material: Material) -> dict[str, Any]:
    unique = material.unique
    return {
        "texts": len(unique.examples),
        **{split.value: len(examples) for split, examples in material.by_split.items()},
        "duplicates_removed": unique.removed,
        "duplicates_labelled_otherwise": unique.disagreeing,
        "without_words": unique.wordless,
        "equal_to_held_out_sentences": unique.held_out,
        "rare_categories_left_out": dict(material.rare),
    }


def _summary(figures: Figures) -> Figures:
    return {name: figures[name] for name in ("toxic", "clean_text", "traps", "dilution") if name in figures}

"""Train the shipped toxicity head: `python -m embedder.toxicity.training --data DIR --out FILE.safetensors`.

Features come from the embedder itself, so the head reads exactly what it will read in service. The held-out report
goes into a model card beside the weights. Needs the `train` extra; about ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from embedder.batching import plan_batches
from embedder.config import Precision
from embedder.models import locate_model, read_model_folder, read_weights
from embedder.models.folder import SPECIAL_TOKENS
from embedder.runtimes.openvino import OpenVinoRuntime
from embedder.tokeniser import Tokeniser
from embedder.toxicity.data import BUSINESS, SOURCES, LabelledText, Split, read_labelled_texts
from embedder.toxicity.head import Array, ToxicityHead

MODEL = "all-MiniLM-L6-v2"
VERSION = "toxicity-v1"
SEED = 20
HIDDEN_UNITS = 32  # 210 kB of weights, small enough to be kept beside the code
THRESHOLD = 0.5
Labels = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Texts with their features [n, 4 * hidden] and labels [n]."""

    texts: Sequence[LabelledText]
    features: Array
    toxic: Labels

    def where(self, chosen: Labels) -> Examples:
        texts = [text for text, keep in zip(self.texts, chosen, strict=True) if keep]
        return Examples(texts, self.features[chosen], self.toxic[chosen])

    def in_split(self, split: Split) -> Examples:
        return self.where(np.array([text.split is split for text in self.texts]))

    def of(self, *sources: str) -> Examples:
        return self.where(np.array([text.source in sources for text in self.texts]))


def main() -> None:
    """Read the data, train, write the weights and their card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds the sets' folders")
    parser.add_argument("--out", type=Path, required=True, help="the weights; the card gets the same name with .md")
    arguments = parser.parse_args()

    examples, encoder_sha256 = encode(read_labelled_texts(arguments.data))
    head = train(examples, encoder_sha256)
    head.save(arguments.out)
    card = model_card(examples, head)
    arguments.out.with_suffix(".md").write_text(card, encoding="utf-8")
    sys.stdout.write(card)


def encode(texts: Sequence[LabelledText]) -> tuple[Examples, str]:
    """Run the encoder over all texts, in float32 for the sake of repeatability; also returns the weights' SHA-256."""
    location = locate_model(MODEL)
    folder = read_model_folder(location.folder)
    weights = read_weights(folder, expected_sha256=location.sha256)
    tokeniser = Tokeniser(folder.tokenizer_file, vocabulary=folder.shape.vocabulary)
    runtime = OpenVinoRuntime(
        folder, weights, special_ids=tokeniser.special_ids, threads=0, precision=Precision.FLOAT32
    )
    sequences = [tokeniser.tokenise(text.text).ids[: folder.max_tokens] for text in texts]
    features: Array = np.empty((len(texts), 4 * folder.shape.hidden), dtype=np.float32)

    def run(batch: list[int]) -> None:
        features[batch] = runtime.run([sequences[position] for position in batch]).features

    with ThreadPoolExecutor(runtime.parallel_runs) as threads:
        batches = plan_batches([len(sequence) + SPECIAL_TOKENS for sequence in sequences], max_tokens=2048)
        for _ in threads.map(run, batches):
            pass
    return Examples(texts, features, np.array([text.toxic for text in texts])), weights.sha256


def train(examples: Examples, encoder_sha256: str) -> ToxicityHead:
    """Fit the network on the training split and its calibration (Platt) on the calibration split."""
    training, calibration = examples.in_split(Split.TRAIN), examples.in_split(Split.CALIBRATE)
    scaler = StandardScaler().fit(training.features)
    network = MLPClassifier(
        (HIDDEN_UNITS,), alpha=0.01, early_stopping=True, n_iter_no_change=5, max_iter=60, random_state=SEED
    ).fit(scaler.transform(training.features), training.toxic)
    head = ToxicityHead(
        version=VERSION,
        encoder_sha256=encoder_sha256,
        centre=scaler.mean_.astype(np.float32),
        scale=scaler.scale_.astype(np.float32),
        hidden_weight=network.coefs_[0].astype(np.float32),
        hidden_bias=network.intercepts_[0].astype(np.float32),
        output_weight=network.coefs_[1][:, 0].astype(np.float32),
        output_bias=network.intercepts_[1].astype(np.float32),
    )
    return _calibrated(head, calibration)


def _calibrated(head: ToxicityHead, calibration: Examples) -> ToxicityHead:
    probability = head.score_0_1(calibration.features).astype(np.float64)
    logit = np.log(probability) - np.log1p(-np.minimum(probability, 1 - 1e-7))
    platt = LogisticRegression(C=1e6).fit(logit[:, None], calibration.toxic)
    slope, offset = float(platt.coef_[0, 0]), float(platt.intercept_[0])
    return replace(
        head,
        output_weight=(slope * head.output_weight).astype(np.float32),
        output_bias=(slope * head.output_bias + offset).astype(np.float32),
    )


def expected_calibration_error(score_0_1: Array, toxic: Labels, bins: int = 15) -> float:
    """Return the mean gap between predicted and observed share over equally wide bins, weighted by their size."""
    numbers = np.minimum((score_0_1 * bins).astype(int), bins - 1)
    gaps = [
        abs(float(score_0_1[numbers == number].mean()) - float(toxic[numbers == number].mean()))
        * np.count_nonzero(numbers == number)
        for number in range(bins)
        if np.any(numbers == number)
    ]
    return float(sum(gaps)) / len(toxic)


def model_card(examples: Examples, head: ToxicityHead) -> str:
    """Describe the head and its held-out figures as Markdown."""
    test = examples.in_split(Split.TEST)
    labelled = [source for source in SOURCES if source not in BUSINESS]
    rows = [_quality_row(source, test.of(source), head) for source in labelled]
    rows.append(_quality_row("**all, business text included**", test, head))
    business = [_business_row(source, test.of(source), head) for source in sorted(BUSINESS)]
    return _CARD.format(
        version=head.version,
        model=MODEL,
        seed=SEED,
        units=HIDDEN_UNITS,
        threshold=THRESHOLD,
        sources="\n".join(_source_row(source, examples.of(source)) for source in SOURCES),
        quality="\n".join(rows),
        business="\n".join(business),
        dilution="\n".join(_dilution_rows(test, head)),
    )


def _source_row(source: str, examples: Examples) -> str:
    _, licence, origin = SOURCES[source]
    return f"| {source} | {origin} | {licence} | {len(examples.texts):,} | {np.count_nonzero(examples.toxic):,} |"


def _quality_row(name: str, test: Examples, head: ToxicityHead) -> str:
    scores = head.score_0_1(test.features)
    flagged = scores >= THRESHOLD
    figures = (
        precision_score(test.toxic, flagged),
        recall_score(test.toxic, flagged),
        f1_score(test.toxic, flagged),
        roc_auc_score(test.toxic, scores),
        expected_calibration_error(scores, test.toxic),
    )
    return f"| {name} | {len(test.texts):,} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |"


def _business_row(source: str, test: Examples, head: ToxicityHead) -> str:
    flagged = np.count_nonzero(head.score_0_1(test.features) >= THRESHOLD)
    return f"| {source} | {len(test.texts):,} | {flagged} |"


def _dilution_rows(test: Examples, head: ToxicityHead) -> list[str]:
    """Hide held-out toxic sentences in clean business passages and see how many are still found."""
    toxic = [text for text in test.of("paradetox").texts if text.toxic][:300]
    clean = [text for text in test.of(*BUSINESS).texts if len(text.text.split()) >= 60][:300]
    pairs = list(zip(toxic, clean, strict=False))
    hidden = [LabelledText(f"{around.text} {bad.text}", True, "", "") for bad, around in pairs]
    rows = []
    for name, texts in (("alone", [bad for bad, _ in pairs]), ("at the end of a clean passage", hidden)):
        scores = head.score_0_1(encode(texts)[0].features)
        rows.append(f"| {name} | {len(texts)} | {np.mean(scores >= THRESHOLD):.3f} |")
    return rows


_CARD = """\
# {version}: the shipped toxicity head

A small network ({units} hidden units) on four poolings of {model}: the means of the hidden states after layers 2, 4
and 6 and the maximum after layer 6. Its score is a calibrated probability, 0..1, that people would find the text
toxic: insulting, obscene, hateful or threatening.

Made by `python -m embedder.toxicity.training --data DIR --out embedder/toxicity/shipped/toxicity_v1.safetensors`
(seed {seed}; this file is written by the same command). The weights are under the project's own licence.

## Data

Duplicates were removed first (equal words in equal order); then 80 % trained, 10 % calibrated and 10 % tested, split
by a hash of each text's origin. The texts themselves are not part of the project.

| set | origin | licence | texts | toxic |
| --- | --- | --- | --: | --: |
{sources}

## Held-out quality at threshold {threshold}

| test texts of | texts | precision | recall | F1 | AUC | calibration error |
| --- | --: | --: | --: | --: | --: | --: |
{quality}

## False alarms on held-out clean business text

| test texts of | texts | flagged |
| --- | --: | --: |
{business}

## Limits

One score for a whole passage: a toxic sentence inside clean text is diluted and mostly missed.

| held-out toxic sentence | texts | found |
| --- | --: | --: |
{dilution}

English only. Comments, tweets and their rewrites taught it, so it inherits their bias: tweets of the davidson set were
found by swear words, and dialect or reclaimed words are flagged too often. The score is an attribute to filter by,
never a permission and never a verdict on a person.
"""

if __name__ == "__main__":
    main()

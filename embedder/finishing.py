"""Behind every pass: unit vectors, and the toxicity of texts and sentences.

In goes what a runtime gave for a batch, out go answers to the callers and the sentences that must be computed as well.
Every text is scored as a whole. Only where the prefilter or that score is suspicious do sentences follow: on clean text
few do, and a toxic sentence shows its full score although everything around it is clean.

A fine-tuned model only screens texts by the embedding's pass. What it suspects, a text as a whole included, is judged
by its own encoder, whose features the sentences' sequences come with (`encoders.py`).

It runs on the worker's threads and is the same for every runtime. What no scorer is asked for counts as clean. While
one model takes over from another, a batch may hold sequences for either: each is scored by that of its own call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedder.calls import Found, SentenceWork, TextWork, Verdict, Work, merged
from embedder.runtimes.port import Pooled
from embedder.scorers import Scorer
from embedder.toxicity.model import ToxicityModel
from embedder.toxicity.ngrams import Array
from embedder.toxicity.sentences import Sentence, sentences_of
from vocabulary.documents import ReadText


def finish(pooled: Pooled, batch: Sequence[Work]) -> list[Work]:
    """Answer a batch; returns the sentences that some of its texts have no answer without.

    Raises:
        ValueError: a model is to score, and the runtime gave no features; or it gave something that is no number.
    """
    _require_numbers(pooled)
    scored: dict[Scorer, list[int]] = {}
    for row, (work, vector) in enumerate(zip(batch, unit_vectors(pooled.embeddings), strict=True)):
        if isinstance(work, TextWork):
            work.call.place(work.position, vector)
        if work.scorer is not None:
            scored.setdefault(work.scorer, []).append(row)
        elif isinstance(work, TextWork):
            work.call.complete(work.position)
    return [each for scorer, rows in scored.items() for each in _score(scorer.model, pooled, rows, batch)]


def _score(model: ToxicityModel, pooled: Pooled, rows: list[int], batch: Sequence[Work]) -> list[Work]:
    if pooled.features is None:
        raise ValueError("the runtime gives no features to score toxicity by")
    works = [batch[row] for row in rows]
    found = _found_of_works(model, pooled.features[rows], works)
    blocks = None if pooled.blocks is None else pooled.blocks[rows]
    closer = _closer_looks(model, blocks, works, found)
    flag_from = model.card.thresholds.flag
    following: list[Work] = []
    for work, each, look in zip(works, found, closer, strict=True):
        if isinstance(work, SentenceWork):
            work.verdict.accept(work.number, each)
        elif look is not None:
            whole = None if look.whole_again else each
            verdict = Verdict(work.call, work.position, work.text, look.sentences, flag_from=flag_from, whole=whole)
            following += verdict.works
        else:
            work.call.complete(work.position, merged(work.text, each, [], flag_from=flag_from))
    return following


def _found_of_works(model: ToxicityModel, features: Array, works: Sequence[Work]) -> list[Found]:
    """Score sequences by what their features are of: a fine-tuned model only screens the texts themselves."""
    if model.own_layers is None:
        return _found(model, features, [work.text for work in works])
    texts, sentences = (
        [row for row, work in enumerate(works) if isinstance(work, kind)] for kind in (TextWork, SentenceWork)
    )
    found: list[Found] = [Found(0.0)] * len(works)
    if texts:
        screened = model.own_layers.screened_0_1(features[texts], [works[row].text for row in texts])
        for row, score in zip(texts, screened, strict=True):
            found[row] = Found(float(score))
    if sentences:
        judged = _found(model, features[sentences], [works[row].text for row in sentences])
        for row, each in zip(sentences, judged, strict=True):
            found[row] = each
    return found


def _found(model: ToxicityModel, features: Array, texts: Sequence[ReadText]) -> list[Found]:
    """Score sequences, and name the likeliest category of those that are flagged."""
    scores = model.score_0_1(features, texts)
    flagged = np.flatnonzero(scores >= model.card.thresholds.flag)
    categories = dict.fromkeys(flagged.tolist(), "")
    if len(flagged) and model.card.categories:
        likeliest = model.category_probabilities(features[flagged], [texts[int(row)] for row in flagged]).argmax(axis=1)
        categories = {int(row): model.card.categories[best] for row, best in zip(flagged, likeliest, strict=True)}
    return [Found(float(score), categories.get(row, "")) for row, score in enumerate(scores)]


@dataclass(frozen=True, slots=True)
class _CloserLook:
    """What of a text is computed for itself: sentences, and the text as a whole where a first score is not to stand."""

    sentences: Sequence[Sentence]
    whole_again: bool


def _closer_looks(
    model: ToxicityModel, blocks: Array | None, works: Sequence[Work], found: Sequence[Found]
) -> list[_CloserLook | None]:
    """Return what must be looked at closer of each text; None where its score stands."""
    looks: list[_CloserLook | None] = [None] * len(works)
    rows = [row for row, work in enumerate(works) if isinstance(work, TextWork)]
    if not rows:
        return looks
    texts = [works[row].text for row in rows]
    if model.prefilter is None or blocks is None:
        chosen = [sentences_of(text) for text in texts]
    else:
        chosen = model.prefilter.suspects(blocks[rows], texts, model.card.thresholds.prefilter)
    for row, text, few in zip(rows, texts, chosen, strict=True):
        suspicious = found[row].score_0_1 >= model.suspicious_from
        looks[row] = _closer_look(model, text, sentences_of(text) if suspicious else few)
    return looks


def _closer_look(model: ToxicityModel, text: ReadText, sentences: Sequence[Sentence]) -> _CloserLook | None:
    if not sentences:
        return None
    one_altogether = _is_whole(text, sentences)
    if model.own_layers is None:  # it has judged the text as a whole, and would say the same of its only sentence
        return None if one_altogether else _CloserLook(sentences, whole_again=False)
    return _CloserLook([] if one_altogether else sentences, whole_again=True)  # what only screens does not judge


def _is_whole(text: ReadText, sentences: Sequence[Sentence]) -> bool:
    return len(sentences) == 1 and sentences[0].last - sentences[0].first == len(text.tokens.ids)


def _require_numbers(pooled: Pooled) -> None:
    """Refuse what overflowed: a score that is no number is below every threshold, and would pass for a clean one."""
    if not all(each is None or np.isfinite(each).all() for each in (pooled.embeddings, pooled.features)):
        raise ValueError("the runtime gave something that is no finite number")


def unit_vectors(embeddings: Array) -> Array:
    """Return rows of length 1; one of length 0 stays 0, as with torch's normalize, and is no not-a-number."""
    vectors = embeddings.astype(np.float32, copy=False)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: Array = vectors / np.maximum(lengths, 1e-12)
    return units

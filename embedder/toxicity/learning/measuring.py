"""Every figure of a report, for one model and a held-out set.

Dilution is measured on held-out toxic texts that are put between the sentences of clean passages: scored as a whole,
a passage hides them; scored sentence by sentence, it does not.

Most figures are of texts that the model reads whole. Those of `as_documents` are of what would be stored: there the
model sees what the pass that embeds a text suspects, and misses what that pass misses.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice, pairwise

import numpy as np

from embedder.toxicity.learning.cascade import scores_of_documents
from embedder.toxicity.learning.clean_text import held_out_traps
from embedder.toxicity.learning.encoding import Encoder
from embedder.toxicity.learning.examples import Example, sampling_order
from embedder.toxicity.learning.figures import (
    Figures,
    Flags,
    binary_confusion,
    binary_figures,
    category_figures,
    false_alarms,
)
from embedder.toxicity.model import OwnLayers, ToxicityModel
from embedder.toxicity.ngrams import Array
from vocabulary.documents import ReadText

_DILUTED = 100
_AROUND = 4  # clean sentences around a diluted one: about a passage of the indexer
_LEAST_OF_SOURCE = 20


def measure(model: ToxicityModel, test: Sequence[Example], encoder: Encoder, judging: Encoder, *, most: int) -> Figures:
    """Measure on the first `most` held-out examples in sampling order, and on the project's held-out sentences.

    `encoder` is the one that embeds, `judging` what the model's heads read: with its own layers, if it has any.
    """
    examples = sorted(test, key=sampling_order)[:most]
    texts = judging.read([example.text for example in examples])
    features = judging.features(texts)
    scores, threshold = model.score_0_1(features, texts), model.card.thresholds.flag
    toxic = np.array([example.toxic for example in examples], dtype=bool)
    figures: Figures = {
        "threshold": threshold,
        "held_out": {"texts": len(test), "measured": len(examples)},
        "toxic": binary_figures(scores, toxic, threshold),
        "by_source": _by_source(examples, scores, toxic, threshold),
        "confusion": binary_confusion(scores, toxic, threshold),
        "clean_text": false_alarms(scores[_clean(examples)], threshold),
        "traps": _traps(model, judging),
        "dilution": _dilution(model, judging, examples),
        "as_documents": _as_documents(model, encoder, judging, examples, scores),
    }
    if model.card.categories:
        figures["categories"] = _categories(model, examples, scores, model.category_probabilities(features, texts))
    return figures


def _as_documents(
    model: ToxicityModel, encoder: Encoder, judging: Encoder, examples: Sequence[Example], read_whole: Array
) -> Figures:
    """Figures of what would be stored; `read_whole` are the model's scores of the texts as it reads them whole."""
    traps, hidden = held_out_traps(), [" ".join(sentences) for sentences in _hidden(examples)]
    texts = encoder.read([*(example.text for example in examples), *traps, *hidden])
    every = scores_of_documents(model, encoder, judging, texts)
    scores, of_traps, of_hidden = np.split(every, [len(examples), len(examples) + len(traps)])
    flag = model.card.thresholds.flag
    toxic = np.array([example.toxic for example in examples], dtype=bool)
    return {
        "toxic": binary_figures(scores, toxic, flag),
        "toxic_lost": int(np.count_nonzero(toxic & (read_whole >= flag) & (scores < flag))),
        "clean_text": false_alarms(scores[_clean(examples)], flag),
        "traps": false_alarms(of_traps, flag),
        "dilution": {"passages": len(hidden), "found": float(np.mean(of_hidden >= flag)) if hidden else None},
    }


def measure_screen(own: OwnLayers, threshold: float, test: Sequence[Example], encoder: Encoder) -> Figures:
    """Measure what a fine-tuned model was before, on the same examples, at the threshold that was its best then."""
    texts = encoder.read([example.text for example in test])
    scores = own.screened_0_1(encoder.features(texts), texts)
    return binary_figures(scores, np.array([example.toxic for example in test], dtype=bool), threshold)


def _clean(examples: Sequence[Example]) -> Flags:
    return np.array([example.is_clean_text for example in examples], dtype=bool)


def _by_source(examples: Sequence[Example], scores: Array, toxic: Flags, threshold: float) -> Figures:
    names = np.array([example.source for example in examples])
    found = {}
    for name in dict.fromkeys(names.tolist()):
        inside = names == name
        if np.count_nonzero(inside) >= _LEAST_OF_SOURCE:
            found[name] = binary_figures(scores[inside], toxic[inside], threshold)
    return found


def _categories(model: ToxicityModel, examples: Sequence[Example], scores: Array, categories: Array) -> Figures:
    # Added clean text would flatter figures that count clean as a class.
    known = [
        number
        for number, example in enumerate(examples)
        if not example.is_clean_text and (not example.toxic or example.categories is not None)
    ]
    return category_figures(
        [examples[number] for number in known],
        scores[known],
        categories[known],
        categories=model.card.categories,
        threshold=model.card.thresholds.flag,
        multi_label=model.card.multi_label,
    )


def _traps(model: ToxicityModel, encoder: Encoder) -> Figures:
    traps = held_out_traps()
    scores = _scores(model, encoder, traps)
    flagged = [trap for trap, score in zip(traps, scores, strict=True) if score >= model.card.thresholds.flag]
    return false_alarms(scores, model.card.thresholds.flag) | {"sentences": flagged}


def _dilution(model: ToxicityModel, encoder: Encoder, examples: Sequence[Example]) -> Figures:
    """Share of diluted texts that are found, by the passage as a whole and by its sentences."""
    hidden = _hidden(examples)
    whole = _scores(model, encoder, [" ".join(sentences) for sentences in hidden])
    single = _scores(model, encoder, [sentence for sentences in hidden for sentence in sentences])
    ends = np.cumsum([0, *(len(sentences) for sentences in hidden)])
    best = np.array([single[start:end].max() for start, end in pairwise(ends.tolist())])
    flag = model.card.thresholds.flag
    return {
        "passages": len(hidden),
        "found_by_whole": float(np.mean(whole >= flag)) if len(whole) else None,
        "found_by_sentence": float(np.mean(best >= flag)) if len(best) else None,
    }


def _hidden(examples: Sequence[Example]) -> list[list[str]]:
    """Return passages as their sentences: a toxic text between clean ones."""
    toxic = [example.text for example in examples if example.toxic][:_DILUTED]
    clean = cycle([example.text for example in examples if example.is_clean_text] or held_out_traps())
    passages = [list(islice(clean, _AROUND)) for _ in toxic]
    return [[*passage[:2], text, *passage[2:]] for text, passage in zip(toxic, passages, strict=True)]


def _scores(model: ToxicityModel, encoder: Encoder, texts: Sequence[str]) -> Array:
    read: list[ReadText] = encoder.read(texts)
    return model.score_0_1(encoder.features(read), read)

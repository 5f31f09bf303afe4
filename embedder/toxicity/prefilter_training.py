"""Fit the prefilter on toxic messages that stand as sentences in clean passages.

In go labelled texts of the training split and the encoder, out come the network, its threshold and what it achieves on
passages that it was not fitted on. Windows in which a message stands are positive, windows without any of it negative;
a window that holds a little of it teaches nothing.

The threshold follows from what a closer look may cost: on clean text, sentences of `REREAD_SHARE` of all tokens are
computed once more. Needs the `train` extra.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
from sklearn.neural_network import MLPClassifier

from embedder.models.folder import SPECIAL_TOKENS
from embedder.toxicity.learning.standardising import Standardisation
from embedder.toxicity.ngrams import Array
from embedder.toxicity.parts import Network
from embedder.toxicity.prefilter import Prefilter, sentence_scores_0_1, window_means, window_places
from embedder.toxicity.sentences import MAX_TOKENS, Sentence, sentences_of
from vocabulary.documents import ReadText, TokenIds

# On clean text like that which it learns from. Of other clean text ten times as much and more is suspected (decision
# 013), and sentences computed twice are most of the surcharge of 5 % that toxicity may have.
REREAD_SHARE = 0.005
# So many of the messages are looked at: a lower threshold finds 1 or 2 % more and doubles what other clean text costs.
_ENOUGH_RECALL = 0.96
_PASSAGE_TOKENS = 120  # a short passage of the indexer; longer ones have more windows of the same kind
_MAX_PASSAGES = 1000  # with messages, and as many without: some 25 s of encoding on one core
_MIN_PASSAGES = 200  # few messages are inserted into several passages each
_HELD_OUT_SHARE = 0.25
_UNITS = 16  # 32 found no more
_NEGATIVE_WINDOWS = 6  # of each passage; all would drown the positive ones

BlocksOf = Callable[[Sequence[TokenIds]], Sequence[Array]]


@dataclass(frozen=True, slots=True)
class FittedPrefilter:
    """The prefilter, and its figures on held-out passages."""

    prefilter: Prefilter
    threshold: float
    recall: float  # of the messages in clean passages, those that are looked at
    flagged_share: float  # of clean passages, those with a sentence that is looked at
    reread_share: float  # of the tokens of clean passages, those computed twice


@dataclass(frozen=True, slots=True, eq=False)
class _Diluted:
    """A passage as its sentences; `message` is the number of the toxic one, None in a clean passage."""

    ids: TokenIds
    sentences: Sequence[Sentence]
    message: int | None


def fit_prefilter(
    toxic: Sequence[ReadText], clean: Sequence[ReadText], *, blocks_of: BlocksOf, seed: int
) -> FittedPrefilter | None:
    """Fit a prefilter; None if there is too little text of either kind to fit one.

    `blocks_of` gives the blocks [blocks, 3 * hidden] of each of the sequences, in their order (`Pooled.blocks`, without
    what stands behind the sequence's end).
    """
    shuffle = random.Random(seed)  # noqa: S311 - a reproducible order, no secret
    messages = [text.tokens.ids for text in toxic if 0 < len(text.tokens.ids) <= MAX_TOKENS]
    passages = list(islice(_passages(shuffle.sample(clean, len(clean))), 2 * _MAX_PASSAGES))
    shuffle.shuffle(messages)
    fitting, held_out = _split(messages, passages, shuffle)
    if not any(each.message is not None for each in held_out) or not any(each.message is None for each in held_out):
        return None
    network = _fit(fitting, blocks_of([each.ids for each in fitting]), seed)
    return _measured(Prefilter(network), held_out, blocks_of([each.ids for each in held_out]))


def _passages(clean: Sequence[ReadText]) -> Iterator[list[TokenIds]]:
    """Yield passages as their sentences; short texts share one."""
    passage: list[TokenIds] = []
    for text in clean:
        for sentence in sentences_of(text):
            passage.append(text.tokens.ids[sentence.first : sentence.last])
            if sum(map(len, passage)) >= _PASSAGE_TOKENS:
                yield passage
                passage = []


def _split(
    messages: Sequence[TokenIds], passages: Sequence[list[TokenIds]], shuffle: random.Random
) -> tuple[list[_Diluted], list[_Diluted]]:
    """Return passages to fit and to measure on; no message and no passage is on both sides."""
    half = len(passages) // 2
    sides = []
    for first, last in ((_HELD_OUT_SHARE, 1.0), (0.0, _HELD_OUT_SHARE)):
        own = messages[int(first * len(messages)) : int(last * len(messages))]
        around = passages[int(first * half) : int(last * half)]
        bare = passages[half + int(first * half) : half + int(last * half)]
        wanted = min(len(around), max(len(own), int((last - first) * _MIN_PASSAGES))) if own else 0
        diluted = [_diluted(around[number], own[number % len(own)], shuffle) for number in range(wanted)]
        sides.append(diluted + [_joined(passage, None) for passage in bare])
    return sides[0], sides[1]


def _diluted(passage: list[TokenIds], message: TokenIds, shuffle: random.Random) -> _Diluted:
    place = shuffle.randint(0, len(passage))
    return _joined([*passage[:place], message, *passage[place:]], place)


def _joined(sentences: Sequence[TokenIds], message: int | None) -> _Diluted:
    ends = np.cumsum([len(each) for each in sentences]).tolist()
    runs = [Sentence(last - len(each), last, 0, 0) for each, last in zip(sentences, ends, strict=True)]
    return _Diluted(np.concatenate(sentences), runs, message)


def _fit(passages: Sequence[_Diluted], blocks: Sequence[Array], seed: int) -> Network:
    chosen = np.random.default_rng(seed)
    windows, labels = [], []
    for passage, own in zip(passages, blocks, strict=True):
        positive, negative = _labelled_windows(passage, own)
        kept = chosen.permutation(negative)[:_NEGATIVE_WINDOWS]
        windows.append(_windows(passage, own)[np.concatenate([positive, kept])])
        labels += [True] * len(positive) + [False] * len(kept)
    features = np.concatenate(windows)
    standard = Standardisation.of(features)
    network = MLPClassifier(
        (_UNITS,), alpha=0.1, early_stopping=True, n_iter_no_change=4, max_iter=40, random_state=seed
    ).fit(standard.applied(features), labels)
    weight, bias = standard.folded(network.coefs_[0], network.intercepts_[0])
    return Network(
        hidden_weight=weight,
        hidden_bias=bias,
        output_weight=network.coefs_[1].astype(np.float32),
        output_bias=network.intercepts_[1].astype(np.float32),
    )


def _windows(passage: _Diluted, blocks: Array) -> Array:
    length = np.array([len(passage.ids) + SPECIAL_TOKENS])
    means: Array = window_means(blocks[None], length)[0]
    return means


def _labelled_windows(passage: _Diluted, blocks: Array) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the numbers of the windows with half a window of the message (or all of it), and of those without any."""
    places = window_places(max(1, len(blocks) - 1))
    if passage.message is None:
        return np.empty(0, dtype=np.intp), np.arange(len(places))
    message = passage.sentences[passage.message]
    overlaps = np.minimum(places[:, 1], message.last) - np.maximum(places[:, 0], message.first)
    return np.flatnonzero(overlaps >= min(8, message.last - message.first)), np.flatnonzero(overlaps <= 0)


def _measured(prefilter: Prefilter, held_out: Sequence[_Diluted], blocks: Sequence[Array]) -> FittedPrefilter:
    scores = [_sentence_scores(prefilter, *pair) for pair in zip(held_out, blocks, strict=True)]
    clean = [pair for pair in zip(held_out, scores, strict=True) if pair[0].message is None]
    found = np.array(
        [own[each.message] for each, own in zip(held_out, scores, strict=True) if each.message is not None]
    )
    costs = np.array([run.last - run.first + SPECIAL_TOKENS for each, _ in clean for run in each.sentences])
    suspicion = np.concatenate([own for _, own in clean])
    total = sum(len(each.ids) + SPECIAL_TOKENS for each, _ in clean)
    order = np.argsort(-suspicion)
    affordable = np.searchsorted(np.cumsum(costs[order]), REREAD_SHARE * total, side="right")
    cheapest = suspicion[order[affordable]] if affordable < len(order) else 0.0
    threshold = float(np.nextafter(np.float32(max(cheapest, np.quantile(found, 1 - _ENOUGH_RECALL))), np.float32(1)))
    return FittedPrefilter(
        prefilter=prefilter,
        threshold=threshold,
        recall=float(np.mean(found >= threshold)),
        flagged_share=float(np.mean([own.max() >= threshold for _, own in clean])),
        reread_share=float(costs[suspicion >= threshold].sum() / total),
    )


def _sentence_scores(prefilter: Prefilter, passage: _Diluted, blocks: Array) -> Array:
    length = np.array([len(passage.ids) + SPECIAL_TOKENS])
    return sentence_scores_0_1(prefilter.window_scores_0_1(blocks[None], length)[0], passage.sentences)

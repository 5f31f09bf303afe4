"""What callers asked for, as it fills: texts to enrich, and the sentences of suspicious ones behind them.

A call has texts; each becomes one sequence. A text that may hold something toxic opens a verdict: its sentences become
sequences too, and the text's answer is complete with the last of them.

Invariants: a call is answered exactly once, with all of its texts or with an error; one scorer scores all of it,
whatever scores for others; what it holds beyond its caller's texts are runs of their tokens.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from embedder.scorers import Scorer
from embedder.toxicity.sentences import Sentence
from vocabulary.documents import CLEAN, Enrichment, ReadText, TokenIds, Tokens, Toxicity, ToxicSpan, Vector

_WHOLE = -1  # the number of a text itself among its sentences


class Call:
    """One caller's texts, and the answer as it fills. Safe from any thread."""

    def __init__(self, texts: Sequence[ReadText], *, dimensions: int, scorer: Scorer | None = None) -> None:
        """`scorer` tells the toxicity, without one no text is scored; texts are within the model's limit."""
        self.texts = texts
        self.scorer = scorer
        self.future: Future[Enrichment] = Future()
        self._vectors = np.zeros((len(texts), dimensions), dtype=np.float32)
        self._toxicity = [CLEAN] * len(texts)
        self._missing = len(texts)
        self._lock = threading.Lock()
        if not self._missing:
            self.future.set_result(Enrichment(self._vectors, self._toxicity))

    @property
    def works(self) -> list[Work]:
        """Every text as a sequence to compute."""
        return [TextWork(self, position) for position in range(len(self.texts))]

    @property
    def wanted(self) -> bool:
        """Whether the caller still waits: for an answer, without an error."""
        return not self.future.done()

    def place(self, position: int, vector: Vector) -> None:
        """Take over a text's vector; its toxicity is still to come."""
        self._vectors[position] = vector

    def complete(self, position: int, toxicity: Toxicity = CLEAN) -> None:
        """Take over the last that was missing of a text; the last text completes the call."""
        with self._lock:
            self._toxicity[position] = toxicity
            self._missing -= 1
            if not self._missing and self._begin_answer():
                self.future.set_result(Enrichment(self._vectors, self._toxicity))

    def fail(self, error: Exception) -> None:
        """End the call with an error, once; its sequences still waiting are not computed any more."""
        with self._lock:
            if self._begin_answer():
                self.future.set_exception(error)

    def _begin_answer(self) -> bool:
        return not self.future.done() and self.future.set_running_or_notify_cancel()


@dataclass(frozen=True, slots=True)
class Found:
    """What the model says of one sequence; `category` is empty below the threshold that flags."""

    score_0_1: float
    category: str = ""


class Verdict:
    """A text whose sentences are computed for themselves. Safe from any thread."""

    def __init__(
        self,
        call: Call,
        position: int,
        text: ReadText,
        sentences: Sequence[Sentence],
        *,
        flag_from: float,
        whole: Found | None = None,
    ) -> None:
        """`whole` is what is known of the call's text as one sequence; without, it is computed with the sentences.

        `text` is what the sentences are cut from: the call's text, or a longer one that begins with it.
        """
        self.call = call
        self._position = position
        self._text = text
        self._sentences = sentences
        self._flag_from = flag_from
        self._whole = whole
        self._found: list[Found | None] = [None] * len(sentences)
        self._missing = len(sentences) + (whole is None)
        self._lock = threading.Lock()

    @property
    def works(self) -> list[Work]:
        """The sentences as sequences to compute, and the whole text before them where it is missing."""
        sentences = [
            SentenceWork(self, number, part_of(self._text, sentence)) for number, sentence in enumerate(self._sentences)
        ]
        if self._whole is not None:
            return [*sentences]
        return [SentenceWork(self, _WHOLE, self.call.texts[self._position]), *sentences]

    def accept(self, number: int, found: Found) -> None:
        """Take over what was found of one of `works`; the last one completes the text."""
        with self._lock:
            if number == _WHOLE:
                self._whole = found
            else:
                self._found[number] = found
            self._missing -= 1
            last = not self._missing
        if last:
            found_alone = [
                (sentence, each) for sentence, each in zip(self._sentences, self._found, strict=True) if each
            ]
            whole = self.call.texts[self._position]  # as far as the model reads, where the sentences go on
            toxicity = merged(whole, self._whole or Found(0.0), found_alone, flag_from=self._flag_from)
            self.call.complete(self._position, toxicity)


@dataclass(frozen=True, slots=True)
class TextWork:
    """One text of a call as a sequence."""

    call: Call
    position: int

    @property
    def text(self) -> ReadText:
        return self.call.texts[self.position]

    @property
    def ids(self) -> TokenIds:
        return self.text.tokens.ids

    @property
    def scorer(self) -> Scorer | None:
        return self.call.scorer

    @property
    def wanted(self) -> bool:
        return self.call.wanted

    def fail(self, error: Exception) -> None:
        self.call.fail(error)


@dataclass(frozen=True, slots=True)
class SentenceWork:
    """One sentence of a text, or the text itself, as a sequence; `number` is the verdict's."""

    verdict: Verdict
    number: int
    text: ReadText

    @property
    def ids(self) -> TokenIds:
        return self.text.tokens.ids

    @property
    def scorer(self) -> Scorer | None:
        return self.verdict.call.scorer

    @property
    def wanted(self) -> bool:
        return self.verdict.call.wanted

    def fail(self, error: Exception) -> None:
        self.verdict.call.fail(error)


Work = TextWork | SentenceWork


def part_of(text: ReadText, sentence: Sentence) -> ReadText:
    """Return a sentence as a text of its own."""
    run = slice(sentence.first, sentence.last)
    tokens = Tokens(text.tokens.ids[run], text.tokens.offsets[run] - np.int32(sentence.start))
    return ReadText(text.text[sentence.start : sentence.end], tokens)


def merged(text: ReadText, whole: Found, sentences: Sequence[tuple[Sentence, Found]], *, flag_from: float) -> Toxicity:
    """Merge what was found of a text and of its sentences: as toxic as the worst of them.

    A text that is toxic only as a whole (as chat is, in which no sentence says it all) is one span.
    """
    offsets = text.tokens.offsets
    if not len(offsets):
        return CLEAN
    flagged = [(each.start, each.end, found) for each, found in sentences if found.score_0_1 >= flag_from]
    if not flagged and whole.score_0_1 >= flag_from:
        flagged = [(int(offsets[0, 0]), int(offsets[-1, 1]), whole)]
    spans = tuple(ToxicSpan(start, end, found.score_0_1, found.category) for start, end, found in flagged)
    worst = max(spans, key=lambda span: span.score_0_1, default=None)
    score = max(whole.score_0_1, *(found.score_0_1 for _, found in sentences), 0.0)
    return Toxicity(score, worst.category if worst else "", spans)

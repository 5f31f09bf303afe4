"""One toxic sentence in a clean passage is found, told where it stands, and costs clean text nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedder.calls import Call, Found, Verdict
from embedder.enricher import ModelEnricher
from embedder.finishing import finish
from embedder.models import read_model_folder
from embedder.runtimes.port import Batching, Pooled
from embedder.scorers import FixedScorer, Scorer
from embedder.tokeniser import Tokeniser
from embedder.toxicity.model import ModelCard, Stages, Thresholds, ToxicityModel
from embedder.toxicity.parts import Head, Network
from embedder.toxicity.prefilter import Prefilter
from embedder.worker import Worker
from vocabulary.documents import CLEAN, ReadText, TokenIds, Tokens, Toxicity

Array = np.ndarray[Any, np.dtype[np.float32]]
WORDS = {"work": 5, "insult": 6, "threat": 7}


class CountingRuntime:
    """Its hidden states count the words: insults, threats, both; it records every sequence that it computes."""

    name = "counting"
    parallel_runs = 1
    batching = Batching(max_tokens=512, look_ahead=64)

    def __init__(self, *, features: bool = True, blocks: bool = True) -> None:
        self._features, self._blocks = features, blocks
        self.lengths: list[int] = []

    def run(self, sequences: Sequence[TokenIds]) -> Pooled:
        self.lengths += map(len, sequences)
        states = [self._states(sequence) for sequence in sequences]
        means = np.stack([each.mean(0) for each in states])
        embeddings = np.ones((len(sequences), 8), dtype=np.float32)
        if not self._features:
            return Pooled(embeddings)
        blocks = np.zeros((len(sequences), max(-(-len(each) // 8) for each in states), 3), dtype=np.float32)
        for row, own in zip(blocks, states, strict=True):
            for number in range(-(-len(own) // 8)):
                row[number] = own[8 * number : 8 * number + 8].mean(0)
        features = np.concatenate([means, means[:, :1]], axis=1)
        return Pooled(embeddings, features, blocks if self._blocks else None)

    def _states(self, sequence: TokenIds) -> Array:
        ids = np.array([2, *sequence, 3])
        insults, threats = ids == WORDS["insult"], ids == WORDS["threat"]
        return np.stack([insults, threats, insults | threats], axis=1).astype(np.float32)


def _network(*rows: Sequence[float], slope: float, bias: float) -> Network:
    """One linear network: `rows` are the weights of the inputs for each output."""
    weight = np.array(rows, dtype=np.float32).T
    outputs = weight.shape[1]
    return Network(
        hidden_weight=weight,
        hidden_bias=np.zeros(outputs, dtype=np.float32),
        output_weight=np.eye(outputs, dtype=np.float32) * np.float32(slope),
        output_bias=np.full(outputs, bias, dtype=np.float32),
    )


def _alone(network: Network) -> Head:
    outputs = len(network.output_bias)
    return Head(network, (), np.eye(outputs, dtype=np.float32), np.zeros(outputs, dtype=np.float32))


# Toxic from a third of bad words on; a window is suspicious from a sixth on.
MODEL = ToxicityModel(
    card=ModelCard(
        name="words",
        version="1",
        encoder="counting",
        encoder_sha256="ab",
        categories=("insult", "threat"),
        multi_label=False,
        stages=Stages.TWO,
        thresholds=Thresholds(prefilter=0.5, flag=0.5, hide=0.9),
    ),
    toxic=_alone(_network([0, 0, 1, 0], slope=60, bias=-20)),
    fine=_alone(_network([1, 0, 0, 0], [0, 1, 0, 0], slope=60, bias=0)),
    prefilter=Prefilter(_network([0, 0, 1], slope=60, bias=-10)),
)
POLITE = "work work work work work work work work."
RUDE = "work insult insult insult work insult."
GRIM = "threat threat work threat."


@pytest.fixture
def runtime() -> CountingRuntime:
    return CountingRuntime()


@pytest.fixture
def worker(runtime: CountingRuntime) -> Iterator[Worker[Any]]:
    worker: Worker[Any] = Worker(runtime, finish=finish)
    yield worker
    worker.close()


def _read(text: str) -> ReadText:
    places = [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]
    ids = [WORDS.get(text[start:end], 4) for start, end in places]
    return ReadText(text, Tokens(np.array(ids, dtype=np.int32), np.array(places, dtype=np.int32).reshape(-1, 2)))


def _score(worker: Worker[Any], *texts: str, model: ToxicityModel | None = MODEL) -> Sequence[Toxicity]:
    scorer = None if model is None else Scorer(model)
    call = Call([_read(text) for text in texts], dimensions=8, scorer=scorer)
    worker.submit(call.works)
    return call.future.result(timeout=10).toxicity


def _flagged(text: str, toxicity: Toxicity) -> list[tuple[str, str]]:
    return [(text[span.start : span.end], span.category) for span in toxicity.spans]


def test_clean_text_is_computed_once(runtime: CountingRuntime, worker: Worker[Any]) -> None:
    texts = [" ".join([POLITE] * count) for count in range(1, 9)]

    scores = _score(worker, *texts)

    assert sorted(runtime.lengths) == [9 * count for count in range(1, 9)]
    assert all(each.score_0_1 < 0.01 and not each.spans and not each.category for each in scores)


def test_one_toxic_sentence_in_a_clean_passage_is_found(runtime: CountingRuntime, worker: Worker[Any]) -> None:
    text = " ".join([POLITE, POLITE, RUDE, *[POLITE] * 12])

    (toxicity,) = _score(worker, text)

    assert toxicity.score_0_1 > 0.9
    assert toxicity.category == "insult"
    assert _flagged(text, toxicity) == [(RUDE, "insult")]
    assert len(runtime.lengths) <= 4, "only its neighbours were looked at besides"


def test_each_sentence_has_its_own_category_and_the_worst_names_the_text(worker: Worker[Any]) -> None:
    text = " ".join([POLITE, RUDE, *[POLITE] * 6, GRIM, POLITE])

    (toxicity,) = _score(worker, text)

    assert _flagged(text, toxicity) == [(RUDE, "insult"), (GRIM, "threat")]
    assert toxicity.score_0_1 == max(span.score_0_1 for span in toxicity.spans)
    assert toxicity.category == max(toxicity.spans, key=lambda span: span.score_0_1).category


def test_a_single_sentence_is_computed_once_and_marked_whole(runtime: CountingRuntime, worker: Worker[Any]) -> None:
    (toxicity,) = _score(worker, f"  {RUDE} ")
    assert _flagged(f"  {RUDE} ", toxicity) == [(RUDE, "insult")]
    assert len(runtime.lengths) == 1


def test_a_text_that_is_toxic_only_as_a_whole_is_one_span(worker: Worker[Any]) -> None:
    """Each sentence has one bad word of six with its special tokens, the text two of ten."""
    text = "insult work work work\nwork work work insult"
    model = replace(MODEL, toxic=_alone(_network([0, 0, 1, 0], slope=1000, bias=-180)))
    runtime = CountingRuntime()
    strict: Worker[Any] = Worker(runtime, finish=finish)

    (toxicity,) = _score(strict, text, model=model)
    strict.close()

    assert _flagged(text, toxicity) == [(text, "insult")]
    assert len(runtime.lengths) == 3


def test_texts_of_one_call_keep_their_places(worker: Worker[Any]) -> None:
    texts = [" ".join([POLITE] * (number % 5) + [RUDE] * (number % 2) + [POLITE] * 4) for number in range(40)]
    scores = _score(worker, *texts)
    assert [bool(each.spans) for each in scores] == [number % 2 == 1 for number in range(40)]
    assert all(_flagged(text, each) == [(RUDE, "insult")] for text, each in list(zip(texts, scores, strict=True))[1::2])


@pytest.mark.parametrize(
    ("model", "runtime"),
    [(replace(MODEL, prefilter=None), CountingRuntime()), (MODEL, CountingRuntime(blocks=False))],
    ids=["no prefilter", "no blocks"],
)
def test_without_a_prefilter_every_sentence_is_looked_at(model: ToxicityModel, runtime: CountingRuntime) -> None:
    text = " ".join([POLITE, RUDE, *[POLITE] * 8])
    worker: Worker[Any] = Worker(runtime, finish=finish)

    (toxicity,) = _score(worker, text, model=model)
    worker.close()

    assert _flagged(text, toxicity) == [(RUDE, "insult")]
    assert len(runtime.lengths) == 1 + 10


def test_a_model_without_categories_names_none(worker: Worker[Any]) -> None:
    model = replace(MODEL, card=replace(MODEL.card, categories=()), fine=None)
    plain: Worker[Any] = Worker(CountingRuntime(), finish=finish)
    (toxicity,) = _score(plain, f"{POLITE} {POLITE} {RUDE}", model=model)
    plain.close()
    assert [(span.category, span.score_0_1 > 0.5) for span in toxicity.spans] == [("", True)]


def test_without_a_model_every_text_counts_as_clean(runtime: CountingRuntime) -> None:
    worker: Worker[Any] = Worker(CountingRuntime(features=False), finish=finish)
    assert _score(worker, RUDE, POLITE, model=None) == [CLEAN, CLEAN]
    worker.close()


def test_a_runtime_without_features_under_a_model_is_told() -> None:
    worker: Worker[Any] = Worker(CountingRuntime(features=False), finish=finish)
    with pytest.raises(ValueError, match="features"):
        _score(worker, RUDE)
    worker.close()


@pytest.mark.parametrize("name", ["embeddings", "features"])
def test_what_is_no_number_passes_for_no_clean_text(name: str) -> None:
    class Overflowing(CountingRuntime):
        def run(self, sequences: Sequence[TokenIds]) -> Pooled:
            pooled = super().run(sequences)
            return replace(pooled, **{name: np.full_like(getattr(pooled, name), np.nan)})

    worker: Worker[Any] = Worker(Overflowing(), finish=finish)
    with pytest.raises(ValueError, match="finite"):
        _score(worker, RUDE)
    worker.close()


@pytest.fixture
def enricher(tiny_model: Callable[..., Path], worker: Worker[Any]) -> ModelEnricher:
    folder = read_model_folder(tiny_model())
    return ModelEnricher(
        folder,
        name="tiny",
        version="1",
        why="for a test",
        recipe="tiny",
        scoring=FixedScorer(Scorer(MODEL)),
        tokeniser=Tokeniser(folder.tokenizer_file, vocabulary=folder.shape.vocabulary),
        worker=worker,
    )


async def test_a_single_text_is_scored_sentence_by_sentence(enricher: ModelEnricher, runtime: CountingRuntime) -> None:
    text = " ".join([*[POLITE] * 5, RUDE, GRIM])

    toxicity = await enricher.score_now(_read(text))

    assert _flagged(text, toxicity) == [(RUDE, "insult"), (GRIM, "threat")]
    assert sorted(runtime.lengths) == [5, 7, *[9] * 5, enricher.max_tokens]


async def test_a_single_sentence_is_scored_at_once(enricher: ModelEnricher, runtime: CountingRuntime) -> None:
    assert (await enricher.score_now(_read(GRIM))).category == "threat"
    assert len(runtime.lengths) == 1
    assert await enricher.score_now(_read("")) == CLEAN


async def test_a_text_longer_than_the_model_reads_is_scored_to_its_end_in_pieces(
    enricher: ModelEnricher, runtime: CountingRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedder.enricher._PIECE_TOKENS", 100)
    computed_before: list[int] = []

    async def note() -> None:
        computed_before.append(sum(runtime.lengths))

    text = "work " * 200 + "threat " * enricher.max_tokens
    toxicity = await enricher.score_long(_read(text), before_piece=note)

    assert toxicity.category == "threat"
    assert toxicity.spans[-1].end == len(text.rstrip())
    assert max(runtime.lengths) == enricher.max_tokens
    steps = np.diff([*computed_before, sum(runtime.lengths)])
    assert len(steps) >= 3  # the whole, and pieces of its sentences
    assert steps.max() < 100 + enricher.max_tokens


async def test_a_long_text_that_nobody_waits_for_is_not_computed_to_its_end(
    enricher: ModelEnricher, runtime: CountingRuntime
) -> None:
    async def refuse() -> None:
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        await enricher.score_long(_read("work " * 200), before_piece=refuse)
    assert runtime.lengths == []


async def test_a_long_text_scores_as_a_short_one_does(enricher: ModelEnricher) -> None:
    async def nothing() -> None:
        return None

    for text in (" ".join([*[POLITE] * 5, RUDE, GRIM]), GRIM, POLITE, ""):
        assert await enricher.score_long(_read(text), before_piece=nothing) == await enricher.score_now(_read(text))


def test_a_span_of_the_whole_ends_where_the_model_ceased_to_read() -> None:
    longer = _read("insult work work")
    call = Call([_read("insult work")], dimensions=8)
    Verdict(call, 0, longer, [], flag_from=0.5).accept(-1, Found(0.9, "insult"))
    (span,) = call.future.result(timeout=1).toxicity[0].spans
    assert (span.start, span.end) == (0, len("insult work"))


async def test_a_longer_text_is_read_without_what_the_model_does_not_read(
    enricher: ModelEnricher, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    score = ToxicityModel.score_0_1

    def seeing(model: ToxicityModel, features: Array, texts: Sequence[ReadText]) -> Array:
        seen.extend(text.text for text in texts)
        return score(model, features, texts)

    monkeypatch.setattr(ToxicityModel, "score_0_1", seeing)
    await enricher.score([_read("work " * 10_000)])
    assert max(map(len, seen)) <= 5 * enricher.max_tokens


def test_an_empty_text_is_clean_whatever_the_model_says() -> None:
    eager = replace(MODEL, toxic=_alone(_network([0, 0, 1, 0], slope=1, bias=9)))
    own: Worker[Any] = Worker(CountingRuntime(), finish=finish)
    empty, word = _score(own, "", "work", model=eager)
    assert empty == CLEAN
    assert word.spans
    own.close()


async def test_queries_are_not_scored(enricher: ModelEnricher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToxicityModel, "score_0_1", None)
    assert len(await enricher.embed_now(_read(RUDE))) == 8

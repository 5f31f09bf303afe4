"""The toxicity model as it is computed and as it lies in its file, on numbers drawn at random."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from embedder.toxicity.model import ModelCard, Stages, Thresholds, ToxicityModel
from embedder.toxicity.model_file import load_model, save_model
from embedder.toxicity.ngrams import NgramSpec, NgramTable, Unit, occurrences
from embedder.toxicity.parts import Head, Network
from vocabulary.documents import ReadText, Tokens
from vocabulary.errors import SettingInvalid

FEATURES = 8
PIECES = NgramSpec(Unit.WORD_PIECES, (1, 2), 64)
LETTERS = NgramSpec(Unit.CHARACTERS, (2, 3), 128)


def _read(text: str, *ids: int) -> ReadText:
    return ReadText(text, Tokens(np.array(ids, dtype=np.int32), np.zeros((len(ids), 2), dtype=np.int32)))


TEXTS = [_read("One  two", 5, 6), _read("", *()), _read("two ONE two", 6, 5, 6), _read("three", 9)]
POOLED = np.random.default_rng(5).normal(size=(len(TEXTS), FEATURES)).astype(np.float32)


def _head(inputs: int, seed: int) -> Head:
    random = np.random.default_rng(seed)

    def draw(*shape: int) -> Any:
        return random.normal(size=shape).astype(np.float32)

    tables = tuple(
        NgramTable(spec, draw(spec.rows, inputs).astype(np.float16), draw(inputs)) for spec in (PIECES, LETTERS)
    )
    network = Network(draw(FEATURES, 3), draw(3), draw(3, inputs), draw(inputs))
    return Head(network, tables, draw(3 * inputs, inputs), draw(inputs))


def _model(
    stages: Stages = Stages.TWO, categories: tuple[str, ...] = ("insult", "threat"), **card: Any
) -> ToxicityModel:
    described = ModelCard(
        name="own", version="3", encoder="tiny", encoder_sha256="ab" * 32, categories=categories, multi_label=False,
        stages=stages, thresholds=Thresholds(0.1, 0.5, 0.9), figures={"auc": 0.9}, made_with={"seed": 4},
    )  # fmt: skip
    described = dataclasses.replace(described, **card)
    if stages is Stages.ONE:
        return ToxicityModel(described, toxic=None, fine=_head(1 + len(categories), 1))
    return ToxicityModel(described, toxic=_head(1, 1), fine=_head(len(categories), 2) if categories else None)


EVERY_KIND = [_model(), _model(Stages.ONE), _model(categories=()), _model(multi_label=True)]


def test_ngrams_stay_within_their_text_and_are_all_counted() -> None:
    found = occurrences(TEXTS, PIECES)
    # two pieces: 2 + 1; none; three pieces: 3 + 2; one piece: 1
    assert np.bincount(found.texts, minlength=4).tolist() == [3, 0, 5, 1]


def test_a_text_has_the_same_ngrams_alone_as_among_others() -> None:
    for spec in (PIECES, LETTERS):
        together = occurrences(TEXTS, spec)
        for number, text in enumerate(TEXTS):
            alone = occurrences([text], spec)
            assert sorted(alone.rows) == sorted(together.rows[together.texts == number])


def test_case_and_white_space_tell_nothing() -> None:
    first, second = (sorted(occurrences([_read(text)], LETTERS).rows) for text in ("Ab  c", " aB\nC "))
    assert first == second


def test_order_of_the_pieces_tells_something() -> None:
    there, back = (sorted(occurrences([_read("", *ids)], PIECES).rows) for ids in ((5, 6), (6, 5)))
    assert there != back


def test_rows_are_spread_over_the_whole_table() -> None:
    spec = NgramSpec(Unit.WORD_PIECES, (1,), 1 << 10)
    rows = occurrences([_read("", *range(30_000))], spec).rows
    counts = np.bincount(rows, minlength=spec.rows)
    assert counts.min() > 0
    assert counts.max() < 3 * counts.mean()


@pytest.mark.parametrize("text", ["\ud800 x", "\U0001f600", "a" * 100_000], ids=["lone surrogate", "emoji", "long"])
def test_any_text_can_be_hashed(text: str) -> None:
    read = min(len(text), 16_384)  # a word without end costs no memory without end
    assert len(occurrences([_read(text)], LETTERS).rows) == sum(read + 2 - order + 1 for order in LETTERS.orders)


def test_a_table_sums_its_rows_over_the_root_of_their_count() -> None:
    table = _head(2, 1).tables[0]
    (rows,) = [occurrences(TEXTS[:1], PIECES).rows]
    expected = table.weights[rows].astype(np.float32).sum(axis=0) / np.sqrt(3) + table.bias
    np.testing.assert_allclose(table.logits(TEXTS)[0], expected, rtol=1e-5)
    np.testing.assert_array_equal(table.logits(TEXTS)[1], table.bias)


def test_a_score_is_the_logistic_of_the_stacked_parts() -> None:
    model = _model()
    assert model.toxic is not None
    network = model.toxic.network
    hidden = np.maximum(POOLED @ network.hidden_weight + network.hidden_bias, 0)
    parts = [
        hidden @ network.output_weight + network.output_bias, *(table.logits(TEXTS) for table in model.toxic.tables)
    ]  # fmt: skip
    logit = np.concatenate(parts, axis=1) @ model.toxic.stack_weight + model.toxic.stack_bias
    np.testing.assert_allclose(model.score_0_1(POOLED, TEXTS), 1 / (1 + np.exp(-logit[:, 0])), rtol=1e-4)


@pytest.mark.parametrize("model", EVERY_KIND, ids=["two stages", "one stage", "no category", "multi-label"])
def test_scores_and_shares_are_probabilities_even_far_out(model: ToxicityModel) -> None:
    for features in (POOLED, POOLED * 1e4):
        scores, shares = model.score_0_1(features, TEXTS), model.category_probabilities(features, TEXTS)
        assert (scores.dtype, scores.shape) == (np.float32, (4,))
        assert (shares.dtype, shares.shape) == (np.float32, (4, len(model.card.categories)))
        assert all(np.all((values >= 0) & (values <= 1)) for values in (scores, shares))
    if model.card.categories and not model.card.multi_label:
        np.testing.assert_allclose(model.category_probabilities(POOLED, TEXTS).sum(axis=1), 1, rtol=1e-5)


def test_no_text_is_no_fault() -> None:
    for model in EVERY_KIND:
        nothing = np.empty((0, FEATURES), dtype=np.float32)
        assert model.score_0_1(nothing, []).shape == (0,)
        assert model.category_probabilities(nothing, []).shape == (0, len(model.card.categories))


@pytest.mark.parametrize("model", EVERY_KIND, ids=["two stages", "one stage", "no category", "multi-label"])
def test_a_model_comes_back_from_its_file_unchanged(model: ToxicityModel, tmp_path: Path) -> None:
    save_model(model, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.card == model.card
    assert loaded.version == "own@3"
    np.testing.assert_array_equal(loaded.score_0_1(POOLED, TEXTS), model.score_0_1(POOLED, TEXTS))
    np.testing.assert_array_equal(
        loaded.category_probabilities(POOLED, TEXTS), model.category_probabilities(POOLED, TEXTS)
    )


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        save_model(_model(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("content", [b"", b"no model", b"\x10" * 64])
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(SettingInvalid, match=r"model\.safetensors"):
        load_model(tmp_path / "model.safetensors")


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    save_model(_model(), tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    for size in (4, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "cut").write_bytes(content[:size])
        with pytest.raises(SettingInvalid, match="cannot be read"):
            load_model(tmp_path / "cut")


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="there is no file"):
        load_model(tmp_path / "nowhere")


def _rewritten(file: Path, change: Any) -> Path:
    """Write the file again after `change(tensors, document)`."""
    save_model(_model(), file)
    raw = file.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    tensors, document = load_file(file), json.loads(header["__metadata__"]["sightline"])
    change(tensors, document)
    save_file(tensors, file, metadata={"sightline": json.dumps(document)})
    return file


def _misshapen(tensors: dict[str, Any], _: Any) -> None:
    tensors["toxic.tables.0.weights"] = tensors["toxic.tables.0.weights"][:-1].copy()


def _of_another_type(tensors: dict[str, Any], _: Any) -> None:
    tensors["toxic.stack_bias"] = tensors["toxic.stack_bias"].astype(np.float64)


def _not_finite(tensors: dict[str, Any], _: Any) -> None:
    tensors["fine.network.hidden_bias"][0] = np.nan


def _superfluous(tensors: dict[str, Any], _: Any) -> None:
    tensors["fine.tables.7.weights"] = np.zeros(3, dtype=np.float32)


def _lacking(tensors: dict[str, Any], _: Any) -> None:
    del tensors["fine.stack_weight"]


def _of_more_categories(_: Any, document: Any) -> None:
    document["card"]["categories"].append("third")


def _of_another_hash(_: Any, document: Any) -> None:
    document["hash"] = "multiply-xor-9"


def _of_odd_rows(_: Any, document: Any) -> None:
    document["tables"]["toxic"][0]["rows"] = 63


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_misshapen, r"toxic\.tables\.0\.weights is float16 \[63, 1\], expected float16 \[64, 1\]"),
        (_of_another_type, r"toxic\.stack_bias is float64"),
        (_not_finite, "not finite"),
        (_superfluous, r"belong to no part: fine\.tables\.7\.weights"),
        (_lacking, r"it lacks 'fine\.stack_weight'"),
        (_of_more_categories, "expected"),
        (_of_another_hash, "multiply-xor-9"),
        (_of_odd_rows, "63 rows"),
    ],
)
def test_a_file_that_does_not_fit_itself_is_refused(tmp_path: Path, change: Any, said: str) -> None:
    with pytest.raises(SettingInvalid, match=said):
        load_model(_rewritten(tmp_path / "model.safetensors", change))


def test_another_encoder_is_refused_by_name() -> None:
    _model().require_encoder("tiny", "ab" * 32)
    with pytest.raises(SettingInvalid, match=r"own@3 reads tiny .* embedder\.model is other"):
        _model().require_encoder("other", "cd" * 32)

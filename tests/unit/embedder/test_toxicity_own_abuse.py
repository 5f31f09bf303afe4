"""The project's own threats and attacks on groups, their look-alikes, and what may not be among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from embedder.toxicity.choice import SHIPPED_MODEL
from embedder.toxicity.learning.clean_text import held_out_traps
from embedder.toxicity.learning.examples import Example, Split, split_examples, without_duplicates, words_of
from embedder.toxicity.learning.manifest import Part, parts_of
from embedder.toxicity.learning.reading import read_part

_KINDS = Path(__file__).parents[3] / "benchmarks" / "toxicity_kinds.txt"
_ABUSE = Part(path=Path("own:abuse.jsonl"), label_column="labels")
_LOOK_ALIKES = Part(path=Path("own:look-alikes.jsonl"), label="clean", clean_text=False)
_RUN = 5  # words; shorter runs are of the language (I am going to), not of a sentence


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return [*read_part(_ABUSE).examples, *read_part(_LOOK_ALIKES).examples]


def test_threats_attacks_and_look_alikes_are_about_as_many_and_all_different(examples: list[Example]) -> None:
    counts = Counter(example.categories for example in examples)
    assert set(counts) == {("threat",), ("identity_attack",), ()}
    assert min(counts[("threat",)], counts[("identity_attack",)]) > 600
    assert 0.8 < counts[()] / (len(examples) - counts[()]) < 1.2
    assert len(without_duplicates(examples).examples) == len(examples)


def test_the_shipped_model_learns_them_and_counts_look_alikes_as_no_ordinary_text() -> None:
    manifest = SHIPPED_MODEL.with_name("data.toml")
    own = [part for part in parts_of(manifest, _ABUSE, root=Path("/data")) if part.own]
    read = [example for part in own for example in read_part(part).examples]
    assert {example.categories for example in read} == {("threat",), ("identity_attack",), ()}
    assert not any(example.is_clean_text for example in read)


def test_they_are_the_same_each_time_and_none_is_held_out(examples: list[Example]) -> None:
    assert [*read_part(_ABUSE).examples, *read_part(_LOOK_ALIKES).examples] == examples
    assert set(split_examples(examples)) == {Split.TRAIN, Split.CALIBRATE}


def test_nothing_is_taken_from_sentences_that_a_model_is_tried_on(examples: list[Example]) -> None:
    kinds = [line.partition(": ")[2] for line in _KINDS.read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    unseen = [words_of(sentence) for sentence in (*kinds, *held_out_traps())]
    made = [words_of(example.text) for example in examples]
    assert len(unseen) > 150
    assert not _runs(unseen) & _runs(made)
    assert not [text for text in made for sentence in unseen if f" {sentence} " in f" {text} "]


def test_look_alikes_share_the_words_of_abuse(examples: list[Example]) -> None:
    vocabulary = [
        {word for example in examples if example.toxic is toxic for word in words_of(example.text).split()}
        for toxic in (True, False)
    ]
    for word in ("kill", "murder", "knife", "hang", "jews", "muslims", "immigrants", "women", "cancer"):
        assert word in vocabulary[False], word
    assert len(vocabulary[0] & vocabulary[1]) > len(vocabulary[0]) / 2


def test_a_manifest_names_them_and_looks_for_no_file(tmp_path: Path) -> None:
    manifest = tmp_path / "parts.toml"
    manifest.write_text('[[parts]]\npath = "own:abuse.jsonl"\nlabel_column = "labels"\n', encoding="utf-8")
    (part,) = parts_of(manifest, _ABUSE, root=tmp_path / "elsewhere")
    reading = read_part(part)
    assert (part.name, len(reading.sha256), reading.skipped) == ("own:abuse", 64, Counter())


def _runs(texts: Iterable[str]) -> set[tuple[str, ...]]:
    split = [text.split() for text in texts]
    return {tuple(words[start : start + _RUN]) for words in split for start in range(len(words) - _RUN + 1)}

"""How labelled texts are read, freed of duplicates and split."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from embedder.toxicity.learning.clean_text import held_out_keys, held_out_traps, own_clean_examples, own_fragments
from embedder.toxicity.learning.examples import (
    Example,
    Split,
    sampling_order,
    split_examples,
    with_known_categories,
    without_duplicates,
    words_of,
)
from embedder.toxicity.learning.manifest import Part, parts_of
from embedder.toxicity.learning.reading import Reading, read_part
from vocabulary.errors import SettingInvalid


def _jsonl(file: Path, *rows: Any) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def _read(file: Path, **options: Any) -> Reading:
    return read_part(Part(path=file, **options))


def _example(text: str, *, toxic: bool = False, group: str = "", source: str = "s", split: str = "") -> Example:
    return Example(text, toxic, None, source, group or text, split)


@pytest.mark.parametrize(
    ("label", "toxic", "categories"),
    [
        (1, True, None),
        (0, False, ()),
        (0.667, True, None),
        (True, True, None),
        ("1", True, None),
        ("0.2", False, ()),
        ("toxic", True, None),
        ("no", False, ()),
        ("insult", True, ("insult",)),
        ("neither", False, ()),
        ("threat|insult", True, ("insult", "threat")),
        (["threat"], True, ("threat",)),
        ([], False, ()),
        ({"insult": 1, "threat": 0}, True, ("insult",)),
        ({"toxic": 0.7, "insult": 0.2}, True, ()),
        ({"toxic": 0, "insult": 1}, False, ()),
    ],
)
def test_a_label_may_be_spelled_in_many_ways(
    tmp_path: Path, label: Any, toxic: bool, categories: tuple[str, ...] | None
) -> None:
    (example,) = _read(_jsonl(tmp_path / "a.jsonl", {"text": "some words", "label": label})).examples
    assert (example.toxic, example.categories) == (toxic, categories)


def test_lines_that_cannot_be_used_are_counted_by_reason(tmp_path: Path) -> None:
    file = _jsonl(
        tmp_path / "a.jsonl",
        {"text": "good", "label": 0},
        {"label": 0},
        {"text": " ", "label": 1},
        {"text": "x"},
        {"text": "x", "label": 7},
        [1],
    )
    with file.open("a", encoding="utf-8") as stream:
        stream.write("{broken\n\n")
    reading = _read(file)
    assert [example.text for example in reading.examples] == ["good"]
    assert reading.skipped == Counter(
        {"no text": 1, "an empty text": 1, "no label": 1, "a label that is a number outside 0..1": 1}
        | {"no JSON object": 1, "no JSON": 1}
    )


def test_compressed_csv_with_commas_and_quotes_is_read(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.csv.gz", "wt", encoding="utf-8") as stream:
        stream.write('comment,kind\n"one, ""two""\nthree",insult\nfine,clean\n')
    examples = _read(tmp_path / "a.csv.gz", text_column="comment", label_column="kind").examples
    assert [(example.text, example.toxic) for example in examples] == [('one, "two"\nthree', True), ("fine", False)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"text,kind\nx,1\n", "has no column label; it has: text, kind"),
        ("a.jsonl", b'{"words": "x", "label": 1}\n', "no text: 1"),
        ("a.jsonl", b"", "it is empty"),
        ("a.jsonl.gz", b"no gzip", "cannot be read"),
        ("a.csv", b"text,label\n\xff\xfe,1\n", "cannot be read"),
        ("a.pdf", b"x", r"\.pdf: what is read is"),
    ],
)
def test_a_file_without_examples_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingInvalid, match=said):
        _read(tmp_path / name)


def test_a_column_of_several_texts_and_groups_give_examples_that_stay_together(tmp_path: Path) -> None:
    file = _jsonl(tmp_path / "a.jsonl", {"id": 7, "neutral": ["one", "two"], "toxic": "three"})
    clean = _read(file, text_column="neutral", label="clean", group_column="id").examples
    toxic = _read(file, text_column="toxic", label="toxic", group_column="id").examples
    assert [example.text for example in clean + toxic] == ["one", "two", "three"]
    assert len({example.group for example in clean + toxic}) == 1


def test_documents_give_a_passage_and_a_sentence(tmp_path: Path) -> None:
    file = _jsonl(tmp_path / "a.jsonl", {"title": "News", "text": "One is here. Two is here. " + "word " * 200})
    examples = _read(file, text_column=["title", "text"], label="clean", documents=True).examples
    assert [len(example.text.split()) for example in examples] == [90, 3]
    assert all(example.is_clean_text and not example.toxic for example in examples)


def test_plain_text_is_one_clean_sentence_a_line(tmp_path: Path) -> None:
    (tmp_path / "clean.txt").write_text("# heading\none sentence\n\nanother\n", encoding="utf-8")
    assert [example.text for example in _read(tmp_path / "clean.txt", label="clean").examples] == [
        "one sentence",
        "another",
    ]


@pytest.mark.parametrize("name", ["parts.toml", "parts.json"])
def test_a_manifest_lists_files_beside_it_or_below_a_given_folder(tmp_path: Path, name: str) -> None:
    text = '[[parts]]\npath = "a.csv"\nlabel = "clean"\n' if name.endswith("toml") else '{"parts": [{"path": "a.csv"}]}'
    (tmp_path / name).write_text(text, encoding="utf-8")
    defaults = Part(path=Path())
    assert [part.path for part in parts_of(tmp_path / name, defaults)] == [tmp_path / "a.csv"]
    assert [part.path for part in parts_of(tmp_path / name, defaults, root=Path("/data"))] == [Path("/data/a.csv")]


@pytest.mark.parametrize("text", ["[[parts]]\npath = 'a'\ngroup_colum = 'id'\n", "parts = []\n", "[[parts"])
def test_a_manifest_with_anything_unknown_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "parts.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingInvalid, match=r"parts\.toml"):
        parts_of(tmp_path / "parts.toml", Part(path=Path()))


def test_a_text_occurs_once_whatever_its_case_and_marks() -> None:
    unique = without_duplicates(
        [_example("Bad text!"), _example("bad TEXT", toxic=True), _example("?!"), _example("held out")],
        held_out=frozenset({"held out"}),
    )
    assert [example.text for example in unique.examples] == ["Bad text!"]
    assert (unique.removed, unique.disagreeing, unique.wordless, unique.held_out) == (1, 1, 1, 1)


def test_a_group_is_never_split_and_about_a_tenth_is_held_out_for_each_purpose() -> None:
    examples = [_example(f"text {number}", group=f"group {number // 3}") for number in range(3_000)]
    splits = split_examples(examples)
    assert all(len(set(splits[start : start + 3])) == 1 for start in range(0, 3_000, 3))
    assert 0.77 < splits.count(Split.TRAIN) / 3_000 < 0.83
    assert 0.07 < splits.count(Split.TEST) / 3_000 < 0.13


def test_the_files_own_split_is_kept() -> None:
    with_test = [_example(f"a{part}", source="a", split=part) for part in ("train", "dev", "test")]
    without = [_example(f"b{part}", source="b", split=part) for part in ("train", "dev")]
    assert split_examples(with_test) == [Split.TRAIN, Split.CALIBRATE, Split.TEST]
    first, second = split_examples(without)
    assert first is not Split.TEST
    assert second is Split.TEST


def test_rare_categories_are_left_out_and_named() -> None:
    examples = [Example(f"t{n}", True, ("often",), "s", str(n)) for n in range(10)]
    examples.append(Example("x", True, ("often", "rare"), "s", "x"))
    examples.append(Example("y", True, ("rare",), "s", "y"))
    kept, rare = with_known_categories(examples, at_least=10)
    assert rare == Counter({"rare": 2})
    assert [example.categories for example in kept[-2:]] == [("often",), None]
    assert kept[-1].toxic


def test_a_smaller_sample_is_part_of_a_larger_one() -> None:
    examples = [_example(f"text {number}") for number in range(100)]
    some = sorted(examples[:50], key=sampling_order)
    everything = sorted(examples, key=sampling_order)
    assert [example for example in everything if example in some] == some


def test_own_clean_text_is_varied_always_the_same_and_holds_no_trap() -> None:
    examples = own_clean_examples()
    assert examples == own_clean_examples()
    unique = without_duplicates(examples, held_out=held_out_keys())
    assert len(unique.examples) == len(examples) > 3_000
    assert len(held_out_traps()) == len(held_out_keys()) >= 100


def test_own_clean_text_that_is_no_sentence_is_mixed_in() -> None:
    fragments = set(own_fragments())
    chosen = [example.text in fragments for example in own_clean_examples()]
    assert sum(chosen) == len(fragments) > 1_000
    # Of little data the first 400 are taken: not mostly fragments, and not hardly any.
    assert 0.2 < sum(chosen[:400]) / 400 < 0.35


def test_every_fragment_has_words_of_its_own() -> None:
    keys = [words_of(fragment) for fragment in own_fragments()]
    assert all(keys)
    assert len(set(keys)) == len(keys)


def test_fragments_name_only_hosts_that_are_reserved_for_examples() -> None:
    hosts = {host for fragment in own_fragments() for host in re.findall(r"(?:://|@)([\w.-]+)", fragment)}
    assert hosts
    assert all(re.search(r"(^|\.)example(\.(com|net|org))?$", host) for host in hosts)

"""How the shipped head's data is read and split, on made-up rows in the sets' own formats."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedder.toxicity.data import SOURCES, Split, read_labelled_texts

train_toxicity = pytest.importorskip("embedder.toxicity.training", reason="needs the train extra")


def _write(data: Path, source: str, name: str, *rows: dict[str, Any]) -> None:
    folder = data / SOURCES[source][0]
    folder.mkdir(exist_ok=True)
    with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    _write(tmp_path, "civil-spans", "data", {"id": "1", "text": "Bad text!", "labels": {"toxic": 1}})
    pairs = [{"id": f"p{n}", "toxic": f"nasty words {n}", "neutral": [f"kind words {n}"]} for n in range(200)]
    _write(tmp_path, "paradetox", "data", *pairs)
    tweets = [{"id": "1", "text": "bad TEXT", "label": "neither"}, {"id": "2", "text": "hm", "label": "hate_speech"}]
    _write(tmp_path, "davidson", "data", *tweets)
    _write(tmp_path, "enterprisebench", "posts", {"Title": "News", "Post": "One is here. Two is here. Three is here."})
    for name in ("it_tickets", "support_chats", "resume_texts", "products"):
        _write(tmp_path, "enterprisebench", name)
    _write(tmp_path, "workarena", "corpus", {"text": "word " * 300})
    _write(tmp_path, "workarena", "queries")
    return tmp_path


def test_a_text_occurs_once_whatever_its_case_and_marks(data: Path) -> None:
    bad = [text for text in read_labelled_texts(data) if text.text.lower().startswith("bad")]
    assert [(text.source, text.toxic) for text in bad] == [("civil-spans", True)]


def test_rewrites_stay_on_the_side_of_their_original(data: Path) -> None:
    sides: dict[str, set[Split]] = {}
    for text in read_labelled_texts(data):
        sides.setdefault(text.origin, set()).add(text.split)
    assert all(len(side) == 1 for side in sides.values())
    assert {split for side in sides.values() for split in side} == set(Split)


def test_about_a_tenth_is_held_out_for_each_purpose(data: Path) -> None:
    splits = [text.split for text in read_labelled_texts(data)]
    assert 0.7 < splits.count(Split.TRAIN) / len(splits) < 0.9


def test_business_documents_give_a_clean_passage_and_a_clean_sentence(data: Path) -> None:
    texts = [text for text in read_labelled_texts(data) if text.source == "enterprisebench"]
    assert [text.text for text in texts] == ["News One is here. Two is here. Three is here.", "Two is here."]
    assert not any(text.toxic for text in texts)


def test_passages_are_no_longer_than_the_indexers(data: Path) -> None:
    passage = next(text for text in read_labelled_texts(data) if text.source == "workarena")
    assert len(passage.text.split()) == 90


@pytest.mark.parametrize(
    ("scores", "toxic", "error"),
    [
        ([0.05, 0.05, 0.95, 0.95], [False, False, True, True], 0.05),
        ([0.5, 0.5], [False, True], 0.0),
        ([1.0, 1.0], [False, False], 1.0),
    ],
)
def test_calibration_error_is_the_gap_between_promise_and_outcome(
    scores: list[float], toxic: list[bool], error: float
) -> None:
    found = train_toxicity.expected_calibration_error(np.array(scores, dtype=np.float32), np.array(toxic))
    assert found == pytest.approx(error, abs=1e-6)

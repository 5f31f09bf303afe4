"""What the judged collections are made to ask."""

from __future__ import annotations

import pytest

from benchmarks.judged import as_keywords


@pytest.mark.parametrize(
    ("question", "keywords"),
    [
        (
            "What are the structural and aeroelastic problems of high-speed flight?",
            "structural aeroelastic problems high-speed flight",
        ),
        ("Paging, or PAGING? Is paging bad", "Paging bad"),
        ("one two three four five six seven", "one two three four five six"),
        ("What is it?", ""),
    ],
)
def test_a_question_is_cut_down_to_its_telling_words(question: str, keywords: str) -> None:
    assert as_keywords(question) == keywords

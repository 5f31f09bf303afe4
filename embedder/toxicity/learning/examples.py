"""Labelled texts, each once: what a model learns from and is tested on.

A test is worth something only if nothing of it was learnt from. So equal texts become one before they are split, and
texts of one group (a document, a pair of rewrites, a conversation) fall on one side together.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

_WORDS = re.compile(r"\w+")


class Split(StrEnum):
    """What a text is used for."""

    TRAIN = "train"
    CALIBRATE = "calibrate"
    TEST = "test"


# How data sets call their parts. Where a source has both of the last kinds, the first of them calibrates.
_TRAIN_NAMES = frozenset({"train", "training"})
_DEV_NAMES = frozenset({"dev", "validation", "valid", "val", "calibrate"})
_TEST_NAMES = frozenset({"test", "held-out", "heldout"})


@dataclass(frozen=True, slots=True)
class Example:
    """One text and what people found in it.

    `categories` are those that apply; None where only toxic or not is known. `given_split` is the file's own word.
    """

    text: str
    toxic: bool
    categories: tuple[str, ...] | None
    source: str
    group: str
    given_split: str = ""
    is_clean_text: bool = False  # ordinary text, added so that the model knows it: false alarms are counted on these

    @property
    def key(self) -> str:
        """The words in their order: texts with equal ones are duplicates, whatever case and punctuation."""
        return words_of(self.text)


@dataclass(frozen=True, slots=True)
class Unique:
    """Examples without duplicates, and what was taken out."""

    examples: tuple[Example, ...]
    removed: int
    disagreeing: int  # of the removed: labelled otherwise than the one that was kept
    wordless: int
    held_out: int  # equal to one of the project's own held-out sentences


def words_of(text: str) -> str:
    return " ".join(_WORDS.findall(text.lower()))


def without_duplicates(examples: Iterable[Example], *, held_out: frozenset[str] = frozenset()) -> Unique:
    """Keep the first of equal texts, and none whose words are among `held_out` (keys)."""
    kept: dict[str, Example] = {}
    counts: Counter[str] = Counter()
    for example in examples:
        key = example.key
        if not key:
            counts["wordless"] += 1
        elif key in held_out:
            counts["held_out"] += 1
        elif (first := kept.get(key)) is None:
            kept[key] = example
        else:
            counts["removed"] += 1
            counts["disagreeing"] += first.toxic != example.toxic
    return Unique(
        tuple(kept.values()),
        removed=counts["removed"],
        disagreeing=counts["disagreeing"],
        wordless=counts["wordless"],
        held_out=counts["held_out"],
    )


def split_examples(examples: Sequence[Example], *, test_tenths: int = 1) -> list[Split]:
    """Say what each example is used for: as its file says, else by a hash of its group, the same on every machine.

    A group that reaches over several given parts follows its first example.
    """
    with_test = {example.source for example in examples if example.given_split.lower() in _TEST_NAMES}
    of_group: dict[str, Split] = {}
    for example in examples:
        if example.group not in of_group:
            of_group[example.group] = _split_of(example, example.source in with_test, test_tenths)
    return [of_group[example.group] for example in examples]


def _split_of(example: Example, has_test: bool, test_tenths: int) -> Split:
    given = example.given_split.lower()
    if given in _TEST_NAMES:
        return Split.TEST
    if given in _DEV_NAMES:
        return Split.CALIBRATE if has_test else Split.TEST
    bucket = int.from_bytes(hashlib.sha256(example.group.encode()).digest()[:4], "big") % 10
    if given in _TRAIN_NAMES:
        return Split.CALIBRATE if bucket == 0 and not has_test else Split.TRAIN
    return Split.CALIBRATE if bucket == 0 else Split.TEST if bucket <= test_tenths else Split.TRAIN


def sampling_order(example: Example) -> bytes:
    """A random order that is the same on every machine and for every superset: the hash of the words."""
    return hashlib.sha256(example.key.encode()).digest()


def with_known_categories(examples: Sequence[Example], *, at_least: int) -> tuple[list[Example], Counter[str]]:
    """Leave out categories that occur less often than can be learnt; returns the examples and those left out.

    Their texts stay toxic; of a text that had no other, the category counts as unknown.
    """
    counts = Counter(name for example in examples for name in example.categories or ())
    rare = Counter({name: count for name, count in counts.items() if count < at_least})
    if not rare:
        return list(examples), rare
    return [_without(example, frozenset(rare)) for example in examples], rare


def _without(example: Example, rare: frozenset[str]) -> Example:
    if not example.categories or rare.isdisjoint(example.categories):
        return example
    left = tuple(name for name in example.categories if name not in rare)
    return replace(example, categories=left or None)

"""Threats and attacks on groups of people, of the project's own, and harmless text that shares their words.

Free sets of comments have many insults and hardly any threat; a model of them takes "I will ... you" without a rude
word for harmless. These texts are put together from patterns in several spellings, always the same ones; none is quoted
from anybody. Each kind has as many look-alikes (kill the process, shoot the video, health care for Muslim women), for
otherwise a model would learn the words instead of what is done with them.

They are named in a manifest as files that begin with `own:`, and belong to a training only where one names them: what
counts as toxic is for the owner of the data to say. All of them train or calibrate, none is held out: what repeats its
patterns would flatter the figures.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

from embedder.toxicity.learning.clean_fragments import Patterns
from embedder.toxicity.learning.clean_text import made
from embedder.toxicity.learning.own_abuse import ATTACKS, THREATS
from embedder.toxicity.learning.own_look_alikes import HARMLESS, OF_GROUPS

_OF_EACH_PATTERN = 40

_CHAT = {
    "you": "u", "your": "ur", "are": "r", "I'm": "im", "to": "2", "before": "b4", "people": "ppl", "because": "cuz",
    "please": "pls", "tonight": "2nite",
}  # fmt: skip
_OPENINGS = (
    "Listen: ", "By the way, ", "Hey, ", "After what happened at the meeting yesterday, ", "Once and for all, ",
    "As I told your colleague on the phone this morning, ", "Dear all, ", "Honestly, ", "PS: ",
)  # fmt: skip


def own_abuse() -> str:
    """Return threats and attacks on groups as JSON lines: `text`, `labels` (one category) and `split`."""
    return _lines({"threat": THREATS, "identity_attack": ATTACKS})


def own_look_alikes() -> str:
    """Return harmless texts that share the words of `own_abuse`, as JSON lines: `text`, `labels` (none), `split`."""
    return _lines({"": (*HARMLESS, *OF_GROUPS)})


OWN_FILES: Mapping[str, Callable[[], str]] = {
    "own:abuse.jsonl": own_abuse,
    "own:look-alikes.jsonl": own_look_alikes,
}


def _lines(kinds: Mapping[str, Patterns]) -> str:
    rows = [
        {"text": _spelled(text), "labels": [kind] if kind else [], "split": "train"}
        for kind, patterns in kinds.items()
        for text in made(patterns, of_each=_OF_EACH_PATTERN)
    ]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _spelled(text: str) -> str:
    """Write a text as one of ten people would: most as a sentence, some in capitals, small letters or as in chat."""
    number = sha256(f"spelled {text}".encode()).digest()
    return _WAYS[number[0] % len(_WAYS)](text, number[1])


def _sentence(text: str, _: int) -> str:
    return text[0].upper() + text[1:]


def _opened(text: str, number: int) -> str:
    return _OPENINGS[number % len(_OPENINGS)] + text


def _small(text: str, _: int) -> str:
    return text.lower().rstrip(".!")


def _loud(text: str, number: int) -> str:
    return text.upper().rstrip(".!") + "!" * (1 + number % 3)


def _as_in_chat(text: str, _: int) -> str:
    words = text.replace("I am ", "im ").replace("going to ", "gonna ").rstrip(".!").split(" ")
    return " ".join(_CHAT.get(word, word) for word in words)


_WAYS: Sequence[Callable[[str, int], str]] = (
    *(_sentence,) * 5, _opened, _opened, _small, _as_in_chat, _loud,
)  # fmt: skip

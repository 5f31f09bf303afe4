"""How a text is spelled that no store holds as it is: with NUL, which PostgreSQL refuses, or with half a character.

Directories and broken parsers bring such names. Every text has a spelling of its own that is an ordinary text, so that
two names never become one, and every other text is its own spelling. Pure.
"""

from __future__ import annotations

import re

# A noncharacter, meant for the inside of programs and standing for no letter. Source: The Unicode Standard, §23.7.
_MARK = "\ufdd0"
_UNSTORABLE = re.compile(f"[\x00\ud800-\udfff{_MARK}]")
_SPELLED = re.compile(f"{_MARK}([0-9a-f]{{4}})")


def storable(text: str) -> str:
    """Spell a text for a store."""
    if text.isascii() and "\x00" not in text:
        return text
    return _UNSTORABLE.sub(lambda unstorable: f"{_MARK}{ord(unstorable[0]):04x}", text)


def restored(text: str) -> str:
    """Return the text that `storable` spelled so."""
    if _MARK not in text:
        return text
    return _SPELLED.sub(lambda spelled: chr(int(spelled[1], 16)), text)


def is_storable(text: str) -> bool:
    """Whether the text is its own spelling."""
    return storable(text) == text

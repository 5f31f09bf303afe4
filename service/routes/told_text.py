"""Text of others in an answer: half a character, which no answer can hold, is told as a question mark."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BeforeValidator


def _told(text: object) -> object:
    return text.encode("utf-8", "replace").decode("utf-8") if isinstance(text, str) else text


ToldText: TypeAlias = Annotated[str, BeforeValidator(_told)]

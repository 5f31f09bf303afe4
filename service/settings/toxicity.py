"""`[sources.NAME.toxicity]`: what becomes of a source's documents that hold a toxic sentence."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from indexer.judging.guard import ConfiguredRule
from indexer.judging.rules import Handling


class ToxicitySettings(BaseModel):
    """The rule, and the score from which a sentence counts; without one, the model's own for that use."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    rule: Handling = Handling.INDEX
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None

    @property
    def configured(self) -> ConfiguredRule:
        return ConfiguredRule(self.rule, self.threshold)

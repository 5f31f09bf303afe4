"""What an operator can set about the embedding model."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Precision(StrEnum):
    """The arithmetic of the matrix products; vectors leave as float32 either way."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class EmbedderConfig(BaseModel):
    """Settings of the embedder. A change of `model` alone changes the vectors; the others change only the speed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(
        default="all-MiniLM-L6-v2",
        min_length=1,
        description="Which model embeds: a known name, the path of a sentence-transformers folder (anything with a "
        "path separator in it), or `package:<name>` for an installed package that contains one.",
    )
    threads: int = Field(
        default=0, ge=0, le=1024, description="Processor threads for the model; 0 takes every core the process may use."
    )
    max_batch_tokens: int = Field(
        default=0,
        ge=0,
        le=1 << 20,
        description="Tokens in one batch, padding included; 0 takes what the runtime does best with: 1,024 on a "
        "processor, where more gains nothing and delays the next request, 16,384 on a GPU.",
    )
    look_ahead: int = Field(
        default=0,
        ge=0,
        le=1 << 20,
        description="Waiting sequences that are sorted by length together before batches are cut from them; 0 takes "
        "what the runtime does best with: 1,024 on a processor, 8,192 on a GPU.",
    )
    precision: Precision = Field(
        default=Precision.AUTO,
        description="Arithmetic of the model: `auto` takes bfloat16 where the processor multiplies it in hardware, "
        "float32 elsewhere.",
    )

"""What an operator can set about the embedding model."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


class Precision(StrEnum):
    """The arithmetic of the matrix products; vectors leave as float32 either way."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"  # on a GPU


class RuntimeName(StrEnum):
    """What computes the model."""

    AUTO = "auto"
    OPENVINO = "openvino"
    TORCH = "torch"
    ONNX = "onnx"
    REMOTE = "remote"


class RemoteProtocol(StrEnum):
    """How an endpoint is asked."""

    OPENAI = "openai"  # POST URL/embeddings
    TEI = "tei"  # POST URL/embed, of text-embeddings-inference
    V2 = "v2"  # POST URL/v2/models/MODEL/infer, of the Open Inference Protocol


def _endpoint_url(url: str) -> str:
    if not re.fullmatch(r"https?://[^/@?#\s]+(/[^@?#\s]*)?", url):
        raise ValueError("expected https://host:port/path, without a name or password in it")
    return url


class RemoteConfig(BaseModel):
    """An endpoint that computes the vectors. A change of `protocol`, `model` or `dimensions` changes them."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(_endpoint_url)]
    protocol: RemoteProtocol
    model: str = Field(min_length=1, max_length=1_000)
    dimensions: int = Field(ge=1, le=65_536)
    max_tokens: int | None = Field(default=None, ge=1, le=1 << 20)
    api_key: SecretStr | None = None
    ca_certificate: Path | None = None
    timeout_s: float = Field(default=30.0, gt=0, le=600)
    total_timeout_s: float = Field(default=120.0, gt=0, le=3_600)  # of one request, whatever drips meanwhile
    query_timeout_s: float = Field(default=5.0, gt=0, le=60)
    max_batch_texts: int = Field(default=32, ge=1, le=2048)  # what text-embeddings-inference takes where not told else
    max_batch_bytes: int = Field(default=256 << 10, ge=1 << 10, le=64 << 20)
    concurrency: int = Field(default=4, ge=1, le=256)

    @model_validator(mode="after")
    def _whole_requests_may_be_silent(self) -> Self:
        if self.total_timeout_s < self.timeout_s:
            raise ValueError(f"total_timeout_s: {self.total_timeout_s:g} is less than timeout_s, {self.timeout_s:g}")
        return self

    @model_validator(mode="after")
    def _key_travels_encrypted(self) -> Self:
        host = urlsplit(self.url).hostname
        if self.api_key is not None and self.url.startswith("http:") and host not in _THIS_MACHINE:
            raise ValueError("url: a key is sent over https alone, unless to this machine")
        return self


class EmbedderConfig(BaseModel):
    """Settings of the embedder. `model` and `remote` change the vectors; the others change only the speed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    model: str = Field(
        default="all-MiniLM-L6-v2",
        min_length=1,
        description="Which model embeds: a known name, the path of a sentence-transformers folder (anything with a "
        "path separator in it), or `package:<name>` for an installed package that contains one.",
    )
    runtime: RuntimeName = Field(
        default=RuntimeName.AUTO,
        description="What computes the model; `auto` takes what is fastest here.",
    )
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|cuda(:[0-9]+)?)$",
        description="Where it is computed: `cpu`, `cuda`, or `cuda:1` for the second GPU; `auto` takes a GPU where "
        "torch finds one.",
    )
    remote: RemoteConfig | None = Field(
        default=None, description="The endpoint that computes the vectors, for the runtime `remote`."
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
    toxicity_model: str = Field(
        default="shipped",
        pattern=r"^[a-z0-9][a-z0-9-]{0,63}(@[1-9][0-9]{0,8})?$",
        description="What scores toxicity: `shipped`, `none`, or an approved model of the folder by its `name` (the "
        "newest approved version) or as `name@version`.",
    )
    models_folder: Path = Field(
        default=Path("sightline-data/models"),
        description="Where trained models are kept, with their reports and approvals.",
    )

    @model_validator(mode="after")
    def _remote_as_a_whole(self) -> Self:
        if (self.runtime is RuntimeName.REMOTE) != (self.remote is not None):
            raise ValueError('runtime = "remote" and the table `remote` go together')
        return self

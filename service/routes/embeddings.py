"""`POST /v1/embeddings` and `GET /v1/models`: the embedding model, for programs written for the OpenAI API.

Vectors are those that passages get, of unit length. What the API lets a model refuse is refused, never approximated:
texts beyond the model's length are not cut, and vectors are not shortened, which this kind of model is not trained for.

Source: OpenAI API reference, "Create embeddings" and "List models".
"""

from __future__ import annotations

import base64
from enum import StrEnum
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr
from pydantic_core import to_json

from service.models.access import ModelAccess
from service.models.desk import MAX_TEXTS, Vectors
from service.routes.model_errors import openai_error
from service.routes.model_routes import model_router
from vocabulary.documents import TokenIds
from vocabulary.errors import QueryInvalid

_Text = Annotated[StrictStr, Field(min_length=1)]
# The first mistake ends a list: a body has room for a million, and each would be told of in each form of the input.
_Ids = Annotated[list[Annotated[StrictInt, Field(ge=0, lt=1 << 31)]], Field(min_length=1, fail_fast=True)]


class EncodingFormat(StrEnum):
    """How a vector is written."""

    FLOAT = "float"
    BASE64 = "base64"  # float32, little-endian


class EmbeddingsBody(BaseModel):
    """What to embed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: (
        _Text
        | Annotated[list[_Text], Field(min_length=1, max_length=MAX_TEXTS, fail_fast=True)]
        | _Ids
        | Annotated[list[_Ids], Field(min_length=1, max_length=MAX_TEXTS, fail_fast=True)]
    ) = Field(description="a text, several, or the same as token ids of the model, without its special tokens")
    model: Annotated[StrictStr, Field(max_length=1_000)]
    encoding_format: EncodingFormat = EncodingFormat.FLOAT
    dimensions: Annotated[StrictInt, Field(ge=1)] | None = Field(
        default=None, description="the model's own number; vectors are not shortened"
    )
    user: StrictStr | None = Field(default=None, description="taken, and not looked at")

    def texts(self) -> list[str | TokenIds]:
        """Return every input by itself, in order."""
        if isinstance(self.input, str):
            return [self.input]
        if isinstance(self.input[0], int):
            return [np.array(self.input, np.int32)]
        return [each if isinstance(each, str) else np.array(each, np.int32) for each in self.input]


class Embedding(BaseModel):
    """One vector: a list of numbers, or base64."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class Usage(BaseModel):
    """Tokens that were read, special ones not counted."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsAnswer(BaseModel):
    """One vector for each input, in order."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: Usage


class ServedModel(BaseModel):
    """A model that may be asked."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(default=0, description="not known")
    owned_by: str = "sightline"


class ServedModels(BaseModel):
    """Every model that may be asked."""

    object: Literal["list"] = "list"
    data: list[ServedModel]


class OpenAiError(BaseModel):
    """What is wrong, as the OpenAI API tells it."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAiErrorAnswer(BaseModel):
    """An answer that is not a success."""

    error: OpenAiError


def embeddings_router(models: ModelAccess) -> APIRouter:
    """Route what the OpenAI API calls embeddings."""
    desk = models.desk
    router = model_router("/v1", models.callers, spelled=openai_error, error=OpenAiErrorAnswer)

    @router.get("/models", summary="Which model embeds?")
    async def listed() -> ServedModels:
        return ServedModels(data=[ServedModel(id=desk.model.name)])

    @router.post("/embeddings", summary="Embed texts", response_model=EmbeddingsAnswer)
    async def embeddings(request: Request, body: Annotated[EmbeddingsBody, Body()]) -> Response:
        desk.require_embedding(body.model)
        _require_own_dimensions(body.dimensions, desk.model.dimensions)
        with desk.admitted():
            texts = await desk.read(body.texts())
            vectors = [
                _spelled(piece, body.encoding_format) async for piece in desk.embed(texts, gone=request.is_disconnected)
            ]
        tokens = sum(len(text.tokens.ids) for text in texts)
        return Response(
            _answer([one for piece in vectors for one in piece], model=desk.model.name, tokens=tokens),
            media_type="application/json",
        )

    return router


def _require_own_dimensions(asked: int | None, own: int) -> None:
    if asked not in (None, own):
        raise QueryInvalid(f"dimensions: the model has {own}, and its vectors are not shortened")


def _spelled(vectors: Vectors, encoding: EncodingFormat) -> list[bytes]:
    """Spell a piece's vectors as JSON values, so that no answer is spelled as a whole while everybody waits."""
    if encoding is EncodingFormat.BASE64:
        return [b'"' + base64.b64encode(vector.astype("<f4").tobytes()) + b'"' for vector in vectors]
    return [to_json(vector.tolist()) for vector in vectors]


def _answer(vectors: list[bytes], *, model: str, tokens: int) -> bytes:
    data = b",".join(
        b'{"object":"embedding","index":%d,"embedding":%b}' % (index, vector) for index, vector in enumerate(vectors)
    )
    usage = to_json({"prompt_tokens": tokens, "total_tokens": tokens})
    return b'{"object":"list","data":[%b],"model":%b,"usage":%b}' % (data, to_json(model), usage)

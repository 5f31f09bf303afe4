"""Endpoints that embed, for the runtime that asks them: our own server, and a small one of another protocol.

Both compute with a real model, so that what comes back can be compared with what is computed here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel, SecretStr

from embedder import EmbedderConfig, LoadedModel, RemoteConfig, RemoteProtocol, RuntimeName, open_enricher
from embedder.runtimes.remote import open_remote_enricher
from service.http.app import create_app
from service.models.access import model_access
from service.models.key_config import ModelKeyConfig
from service.search import SearchService
from vocabulary.documents import ReadText
from vocabulary.enricher import Enricher

KEY = SecretStr("endpoint-" + "e" * 32)
DIMENSIONS = 384
TEI_BATCH = 32  # texts at once; what text-embeddings-inference takes where it is not told else

_URLS = {
    RemoteProtocol.OPENAI: "http://localhost/v1",
    RemoteProtocol.TEI: "http://localhost",
    RemoteProtocol.V2: "http://localhost/",
}


def sightline_app(model: LoadedModel) -> FastAPI:
    """Our own server, for a holder of `KEY`."""
    unused: Any = None
    models = model_access([ModelKeyConfig(name="sync", key=KEY)], model)
    return create_app(SearchService({}, unused), unused, probes={}, models=models)


class _EmbedBody(BaseModel):
    inputs: str | list[str]
    truncate: bool = False
    normalize: bool = True


def tei_app(model: LoadedModel) -> FastAPI:
    """`POST /embed` of text-embeddings-inference: bare lists of numbers, 413 for more texts than it takes at once."""
    app = FastAPI()

    @app.post("/embed")
    async def embed(body: _EmbedBody) -> Any:
        inputs = [body.inputs] if isinstance(body.inputs, str) else body.inputs
        if len(inputs) > TEI_BATCH:
            return JSONResponse({"error": "batch size", "error_type": "Validation"}, status_code=413)
        texts = [ReadText(text, model.tokenise(text)) for text in inputs]
        vectors = (await model.enrich(texts)).vectors
        return JSONResponse(vectors.tolist())

    return app


def remote_config(protocol: RemoteProtocol, **changes: Any) -> EmbedderConfig:
    """The settings that lead to one of these endpoints."""
    values: dict[str, Any] = {
        "url": _URLS[protocol],
        "protocol": protocol,
        "model": "all-MiniLM-L6-v2",
        "dimensions": DIMENSIONS,
        "api_key": KEY,
    }
    return EmbedderConfig(runtime=RuntimeName.REMOTE, remote=RemoteConfig(**values | changes))


@asynccontextmanager
async def remote_model(protocol: RemoteProtocol, **changes: Any) -> AsyncIterator[Enricher]:
    """A model that our own server, in this process, computes."""
    async with open_enricher(EmbedderConfig()) as model:
        transport = httpx.ASGITransport(sightline_app(model))
        async with open_remote_enricher(remote_config(protocol, **changes), transport=transport) as remote:
            yield remote

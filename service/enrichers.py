"""The models that indexes need: the one of the settings and, while an index is under another, that one besides."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from embedder import EmbedderConfig, LoadedModel, RuntimeName, open_enricher
from embedder.toxicity.registry import RESERVED, ModelRegistry


class Enrichers:
    """Models by name, each loaded when it is first asked for and kept until the context ends."""

    def __init__(self, config: EmbedderConfig) -> None:
        self._config = config
        self._loading = asyncio.Lock()
        self._loaded: dict[str, LoadedModel] = {}
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self.of("")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.aclose()

    @property
    def configured(self) -> LoadedModel:
        """The model that the settings name."""
        return self._loaded[self._config.model]

    async def of(self, model: str) -> LoadedModel:
        """The model of this name, as `[embedder] model` would name it; empty: the one that the settings name.

        Raises:
            ConfigurationError: there is no such model, or it is of a kind that is not supported.
        """
        name = model or self._config.model
        async with self._loading:
            if name not in self._loaded:
                config = self._config if name == self._config.model else _computed_here(self._config, name)
                self._loaded[name] = await self._opened.enter_async_context(open_enricher(config))
            return self._loaded[name]


def _computed_here(config: EmbedderConfig, model: str) -> EmbedderConfig:
    """Another model than that of the settings; an endpoint is asked for none but its own."""
    if config.runtime is RuntimeName.REMOTE:
        config = config.model_copy(update={"runtime": RuntimeName.AUTO, "remote": None})
    return config.model_copy(update={"model": model})


def toxicity_problems(config: EmbedderConfig) -> list[str]:
    """Say what is wrong with the approvals of the model that the settings name, by its files alone: none is loaded."""
    if config.toxicity_model in RESERVED or config.runtime is RuntimeName.REMOTE:
        return []
    try:
        return ModelRegistry(config.models_folder).problems(config.toxicity_model)
    except OSError as error:
        return [f"{config.models_folder} cannot be read: {error}"]


def in_words(model: LoadedModel) -> str:
    """Tell an operator what embeds and scores, and what computes it."""
    toxicity = f"toxicity by {model.toxicity_version}" if model.toxicity_version else "no toxicity"
    trouble = f"; but {model.toxicity_trouble}" if model.toxicity_trouble else ""
    return f"{model.name} {model.version} on {model.runtime}, {model.dimensions} dimensions, {toxicity}{trouble}"

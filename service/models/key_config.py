"""One `[[models.keys]]` entry: a key of a program that uses the models over HTTP."""

from __future__ import annotations

from service.api_keys import KeyConfig


class ModelKeyConfig(KeyConfig):
    """One key for `/v1/embeddings` and `/v2`; it opens nothing else."""

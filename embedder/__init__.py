"""Text to vectors and toxicity scores, in one pass of one model.

In come texts and token sequences; out go token ids, unit vectors and scores. The only room that touches a model
runtime or an accelerator. It never stores a text and never decides what happens to a toxic one.
"""

from embedder.config import EmbedderConfig, Precision, RemoteConfig, RemoteProtocol, RuntimeName
from embedder.cross_encoder import CrossEncoder, open_cross_encoder
from embedder.enricher import ModelEnricher, open_enricher
from embedder.loaded import LoadedModel

__all__ = [
    "CrossEncoder",
    "EmbedderConfig",
    "LoadedModel",
    "ModelEnricher",
    "Precision",
    "RemoteConfig",
    "RemoteProtocol",
    "RuntimeName",
    "open_cross_encoder",
    "open_enricher",
]

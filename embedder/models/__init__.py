"""Model files: where a model lies, what it is, and whether it can be used.

In comes a name, a path or a package; out comes a validated description of a sentence-transformers folder and its
weights. Nothing in a folder is executed, and what this project cannot compute exactly is refused, never approximated.
"""

from embedder.models.folder import Activation, BertShape, ModelFolder, Pooling, read_model_folder
from embedder.models.locate import ModelLocation, locate_model
from embedder.models.weights import BertWeights, read_weights

__all__ = [
    "Activation",
    "BertShape",
    "BertWeights",
    "ModelFolder",
    "ModelLocation",
    "Pooling",
    "locate_model",
    "read_model_folder",
    "read_weights",
]

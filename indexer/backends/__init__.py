"""The engines behind the `SearchBackend` port, and the rules that they share.

`memory` is the plain reference, `embedded` the default on one machine. What a query means is written once, in the
modules beside them: `analysis`, `matching`, `bm25`, `ranking`, `facets`, `highlighting`, `cursor`, `request`.
"""

from indexer.backends.embedded import EmbeddedBackend
from indexer.backends.memory import MemoryBackend

__all__ = ["EmbeddedBackend", "MemoryBackend"]

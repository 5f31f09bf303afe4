"""The engines behind the `SearchBackend` port.

`memory` is the plain reference, `embedded` the default on one machine, `opensearch` for many machines (imported only
where it is used: it needs an extra). What a query means to all of them is written once, in `indexer/search/`.
"""

from indexer.backends.embedded import EmbeddedBackend
from indexer.backends.memory import MemoryBackend

__all__ = ["EmbeddedBackend", "MemoryBackend"]

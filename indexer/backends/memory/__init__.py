"""The in-memory engine: the same answers, computed in the plainest way.

It is the reference that the other engines are tested against: permissions and filters are decided document by
document, and whatever they exclude is gone before anything is matched, ranked or counted. Nothing survives the
process.

    backend.py     the port; `rows.py` holds the documents
    search.py      one query to one page; `texts.py` has the words, `showing.py` makes hits and counts
"""

from indexer.backends.memory.backend import MemoryBackend

__all__ = ["MemoryBackend"]

"""The embedded engine: one SQLite file and, in memory, what can be rebuilt from it.

    backend.py         the port, in threads of `connections.py`
    schema.py          the tables; `writer.py` fills them, `codec.py` spells values as rows, `stored_rows.py` reads them
    search.py          one query to one page: `text_search.py`, `vector_sidecar.py`,
                       `filters.py`, `columns.py`, `hits.py`
    catalogue.py       who may read which row, as of one change of the file; `changes.py` is the log that it follows,
                       `current_catalogue.py` the latest
    new_file.py        what is written beside an index before it takes its place there
    picture_file.py    the catalogue of a large index on disk, so that a start need not read every row
    vector_file.py     the vectors of a large index in a file of their own, which queries read quickest;
                       `current_vectors.py` reads them there or from the rows, `keeping.py` writes both files

The file alone is the index. Everything in memory is a picture of one committed state of it, is brought to exactly the
state that a query's transaction sees, and hides what it does not know. The last fetch checks permissions in the file.
"""

from indexer.backends.embedded.backend import EmbeddedBackend

__all__ = ["EmbeddedBackend"]

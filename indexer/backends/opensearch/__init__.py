"""The OpenSearch engine: one index of a cluster, for any number of machines.

    backend.py         the port; `client.py` is the connection, and names the library's errors in our words
    mapping.py         the index's settings and fields; `attribute_keys.py` spells what filters and facets compare
    state.py           the document that says what the index is: its id, numbering, seal and epoch
    writer.py          operations to documents (`documents.py`), under versions that a late write never beats;
                       `bulk.py` sends them, as much at a time as the cluster takes
    search.py          one query to one page, every clause under the reader's filter
    lifecycle.py       which building of an index its alias leads to
    checks.py          what is missing before the first write

Import `indexer.backends.opensearch.backend` only where such an index is opened: it needs `sightline[opensearch]`.
"""

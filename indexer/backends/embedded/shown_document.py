"""One document shown to a reader, with the permissions read from the file itself.

What is not there and what may not be seen take the same statements and the same look-ups in the filter, and end in the
same nothing: neither the answer nor the time that it takes tells them apart.
"""

from __future__ import annotations

from typing import Any

from indexer.backends.embedded import codec
from indexer.search.toxicity import toxicity_from
from vocabulary.access import HIDDEN_ACL, AccessFilter, AclId
from vocabulary.documents import DocumentId
from vocabulary.indexing import Scoring
from vocabulary.shown_document import ShownDocument

# Row ids begin at 1: who is not there is looked for like who is.
_PERMISSIONS = """
SELECT id, acl_id, owner FROM document
WHERE id = coalesce((SELECT id FROM document WHERE source = ? AND native_id = ?), 0)
"""
_NOBODYS = (0, HIDDEN_ACL, None)
_DOCUMENT = "SELECT title, uri, attributes, toxicity, toxicity_version, toxicity_categories FROM document WHERE id = ?"
_PASSAGES = (
    f"SELECT {codec.TOXICITY_COLUMNS}, {codec.PASSAGE_COLUMNS}"  # noqa: S608 - our columns
    " FROM passage WHERE document_id = ? ORDER BY ordinal"
)


def shown_document(connection: Any, document_id: DocumentId, access: AccessFilter) -> ShownDocument | None:
    """Return the document if the filter admits it, in the caller's transaction."""
    key = (document_id.source, document_id.native_id)
    row_id, acl_id, owner = connection.execute(_PERMISSIONS, key).fetchone() or _NOBODYS
    is_admitted = access.admits(AclId(acl_id), owner)
    if not is_admitted or acl_id == HIDDEN_ACL:
        return None
    title, uri, attributes, toxicity, version, categories = connection.execute(_DOCUMENT, (row_id,)).fetchone()
    rows = connection.execute(_PASSAGES, (row_id,)).fetchall()
    scored = len(codec.TOXICITY_COLUMNS.split(", "))
    return ShownDocument(
        document_id=document_id,
        title=title,
        uri=uri,
        attributes=codec.attributes_from_json(attributes),
        toxicity_0_1=toxicity,
        passages=tuple(codec.passage_from_row(row[scored:]) for row in rows),
        toxicity=tuple(toxicity_from(*row[:scored]) for row in rows),
        scoring=Scoring(version, codec.names_from_json(categories)),
    )

"""The room's tables in the state store: the document ledger, the runs, and where each source's sync stands.

Portable between SQLite and PostgreSQL. Times are stored as UTC epoch seconds, so that both give back what was put in.
A database of an earlier version is brought to this one by `service/state/schema.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

metadata = sa.MetaData()

# Sorted and compared by its bytes in every database, whatever language the server was set up for: ranges of lineages
# are read by prefix, and pages go on behind the last id of the former one.
_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# One row per document that a crawl ever met. The columns from `in_index` to `owner` say what the index holds; a None
# among them means "unknown, write it again" (an owner may also be nobody).
ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("source", _Text, primary_key=True),
    sa.Column("native_id", _Text, primary_key=True),
    sa.Column("walk", _Text, nullable=False),  # the last full walk that met it, or a changes sync during that walk
    sa.Column("met_in", _Text, nullable=False, server_default=""),  # the last pass of any mode that met it
    sa.Column("state", _Text, nullable=False),
    sa.Column("reason", _Text, nullable=False, server_default=""),
    sa.Column("in_index", sa.Boolean, nullable=False),
    sa.Column("content_version", _Text),
    sa.Column("content_sha256", _Text),
    sa.Column("comments_sha256", _Text),
    sa.Column("description_sha256", _Text),
    sa.Column("recipe", _Text),
    sa.Column("acl_id", sa.Integer),
    sa.Column("owner", _Text),
    sa.Column("lineage", _Text, nullable=False, server_default=""),  # folder ids, `/outermost/…/innermost/`
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),  # in a row, of one version of the content
    sa.Column("retry_at", sa.Float),  # when to try again what failed; None: nothing to try, or given up
    sa.Column("toxicity_version", _Text),  # what scored its passages; empty: nothing did; None: unknown
    # By which rule of its source it was judged; None: unknown. Before there were rules, nothing was made of scores.
    sa.Column("toxicity_rule", _Text, server_default="index"),
    sa.Column("run", sa.Integer),  # the last one that changed the row; None: it is older than this column
)
# The values of a row of which nobody knows what the index holds.
IN_DOUBT: Mapping[str, bool | None] = {
    "in_index": True,
    "content_version": None,
    "content_sha256": None,
    "comments_sha256": None,
    "description_sha256": None,
    "recipe": None,
    "acl_id": None,
    "owner": None,
    "toxicity_version": None,
    "toxicity_rule": None,
}
sa.Index("ledger_unmet", ledger.c.source, ledger.c.walk)
sa.Index("ledger_by_lineage", ledger.c.source, ledger.c.lineage)
sa.Index("ledger_retries", ledger.c.source, ledger.c.retry_at)

# Documents that a source's rule for toxic text holds back, or held back before somebody released them. What is said of
# the sentence is where it stands, never what.
holds = sa.Table(
    "holds",
    metadata,
    sa.Column("source", _Text, primary_key=True),
    sa.Column("native_id", _Text, primary_key=True),
    sa.Column("texts_sha256", _Text, nullable=False),  # of the texts that were judged
    sa.Column("model", _Text, nullable=False),
    sa.Column("category", _Text, nullable=False),
    sa.Column("score_0_1", sa.Float, nullable=False),
    sa.Column("ordinal", sa.Integer, nullable=False),  # of the passage
    sa.Column("start", sa.Integer, nullable=False),  # of the sentence in it, in characters
    sa.Column("end", sa.Integer, nullable=False),
    sa.Column("held_at", sa.Float, nullable=False),
    sa.Column("is_hidden", sa.Boolean, nullable=False),  # the index hides it for this
    sa.Column("decision", _Text),  # None: it waits for one
    sa.Column("decided_by", _Text),
    sa.Column("decided_at", sa.Float),
)

# Which index each source's ledger rows speak of, and who holds the lease.
source_state = sa.Table(
    "source_state",
    metadata,
    sa.Column("source", _Text, primary_key=True),
    sa.Column("index_id", _Text),
    sa.Column("runner", _Text),
    sa.Column("lease_until", sa.Float),
    sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"),  # of the last lease, grows with each
)

# The words that were put on an index, in their order: the one that it bears tells whether it is the index that the
# state store knows, or one of the two was put back from a backup.
index_seals = sa.Table(
    "index_seals",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("index_id", _Text, nullable=False, index=True),
    sa.Column("seal", _Text, nullable=False),
)

# Where each mode of a source stands. Of `full` and `permissions` there is a row while a pass is unfinished; the row of
# `changes` stays, its checkpoint is where the next changes are read from.
positions = sa.Table(
    "positions",
    metadata,
    sa.Column("source", _Text, primary_key=True),
    sa.Column("mode", _Text, primary_key=True),
    sa.Column("walk", _Text, nullable=False),  # the pass under way
    sa.Column("checkpoint", _Text),
    sa.Column("mark", _Text),  # of a full walk: where changes are to be read from once it is complete
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("source", _Text, nullable=False, index=True),
    sa.Column("mode", _Text, nullable=False),
    sa.Column("state", _Text, nullable=False),
    sa.Column("resumed", sa.Boolean, nullable=False),
    sa.Column("started_at", sa.Float, nullable=False),
    sa.Column("ended_at", sa.Float),
    sa.Column("tally", sa.JSON, nullable=False),
    sa.Column("message", _Text, nullable=False, server_default=""),
    # Who carries out a run that touches no document, and until when it is not taken for dead; of others `source_state`.
    sa.Column("runner", _Text),
    sa.Column("lease_until", sa.Float),
    sqlite_autoincrement=True,  # a run's number is never given twice
)

# Runs that somebody has asked to stop in order, in whatever process.
stop_requests = sa.Table(
    "stop_requests",
    metadata,
    sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("asked_at", sa.Float, nullable=False),
)

# How each document ended in a run; unchanged ones are counted in the run and not listed.
run_documents = sa.Table(
    "run_documents",
    metadata,
    sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("native_id", _Text, primary_key=True),
    sa.Column("state", _Text, nullable=False),
    sa.Column("reason", _Text, nullable=False),
)

# What a run of mode `audit` asked and found; its run says when it began and how it ended.
audits = sa.Table(
    "audits",
    metadata,
    sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("source", _Text, nullable=False, index=True),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("asked", sa.Integer, nullable=False),
    sa.Column("agreed", sa.Integer, nullable=False),
    sa.Column("as_reader", sa.Integer, nullable=False),  # answered by the source to the readers themselves
    sa.Column(
        "even_asked", sa.Integer, nullable=False
    ),  # of those drawn evenly, which were answered: the rate is theirs
    sa.Column("even_wrong", sa.Integer, nullable=False),
)

# The questions of an audit that index and source did not answer alike.
audit_findings = sa.Table(
    "audit_findings",
    metadata,
    sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("native_id", _Text, primary_key=True),
    sa.Column("reader", _Text, primary_key=True),  # a principal's spelling; empty: anybody
    sa.Column("kind", _Text, nullable=False),
    sa.Column("shown", sa.Boolean, nullable=False),
    sa.Column("verdict", _Text, nullable=False),
    sa.Column("standpoint", _Text, nullable=False),
    sa.Column("reason", _Text, nullable=False),
    sa.Column("since", sa.Float, nullable=False),  # when an audit first found it
)

# Where an index is, once it has been built anew or moved, and the copy of it that follows: the next one, or the former.
index_places = sa.Table(
    "index_places",
    metadata,
    sa.Column("index_name", _Text, primary_key=True),
    sa.Column("index_id", _Text),
    sa.Column("place", _Text, nullable=False),  # as `indexer/reindexing/places.py` spells it
    sa.Column("copy", _Text),
    sa.Column("phase", _Text, nullable=False),
    sa.Column("is_switching", sa.Boolean, nullable=False),  # writers wait
    sa.Column("switches", sa.Integer, nullable=False),  # how often the index has changed places
    sa.Column("position", _Text, nullable=False, server_default=""),  # how far the rows have been copied
    sa.Column("is_filled", sa.Boolean, nullable=False),  # every row has been copied once
    sa.Column("copied", sa.Integer, nullable=False),
    sa.Column("expected", sa.Integer, nullable=False),
    sa.Column("copiers", sa.Integer, nullable=False),  # how many there have been
    sa.Column("holder", _Text),  # who copies
    sa.Column("lease_until", sa.Float),
    sa.Column("began_at", sa.Float),
)

# Documents that were written to an index and not yet to its copy; `write` names the write while it is under way.
followed_writes = sa.Table(
    "followed_writes",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("index_name", _Text, nullable=False),
    sa.Column("source", _Text, nullable=False),
    sa.Column("native_id", _Text, nullable=False),
    sa.Column("write", _Text),
    sqlite_autoincrement=True,  # what was read under a number is never taken for a later write
)
sa.Index(
    "followed_writes_by_document",
    followed_writes.c.index_name,
    followed_writes.c.source,
    followed_writes.c.native_id,
)


def create_tables(engine: sa.Engine) -> None:
    """Create the tables that are missing; all else is left as it is."""
    metadata.create_all(engine)


def upsert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that can say what to do on conflict, in the dialect of the state store."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)

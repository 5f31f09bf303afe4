"""The room's tables in the state store: the document ledger, the runs, and where each source's sync stands.

Portable between SQLite and PostgreSQL. Times are stored as UTC epoch seconds, so that both give back what was put in.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

# One row per document that a crawl ever met. The columns from `in_index` to `recipe` say what the index holds; a None
# among them means "unknown, write it again".
ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("native_id", sa.Text, primary_key=True),
    sa.Column("walk", sa.Text, nullable=False),  # the last walk that met it
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("in_index", sa.Boolean, nullable=False),
    sa.Column("content_version", sa.Text),
    sa.Column("content_sha256", sa.Text),
    sa.Column("comments_sha256", sa.Text),
    sa.Column("description_sha256", sa.Text),
    sa.Column("recipe", sa.Text),
)
sa.Index("ledger_unmet", ledger.c.source, ledger.c.walk)

# Where the sync of each source stands: its index, the walk under way with its checkpoint, and who holds the lease.
source_state = sa.Table(
    "source_state",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("index_id", sa.Text),
    sa.Column("walk", sa.Text),  # None: no walk is under way
    sa.Column("checkpoint", sa.Text),
    sa.Column("runner", sa.Text),
    sa.Column("lease_until", sa.Float),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("source", sa.Text, nullable=False, index=True),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("resumed", sa.Boolean, nullable=False),
    sa.Column("started_at", sa.Float, nullable=False),
    sa.Column("ended_at", sa.Float),
    sa.Column("tally", sa.JSON, nullable=False),
    sa.Column("message", sa.Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,  # a run's number is never given twice
)

# How each document ended in a run; unchanged ones are counted in the run and not listed.
run_documents = sa.Table(
    "run_documents",
    metadata,
    sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("native_id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)


def create_tables(engine: sa.Engine) -> None:
    """Create what is missing; what exists is left as it is."""
    metadata.create_all(engine)

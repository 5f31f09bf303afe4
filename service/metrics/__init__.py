"""What operators measure of a running service, for Prometheus.

    query_metrics    queries as this process answers them, and tokens it refuses
    model_metrics    which model embeds and scores here, and what computes it
    access_metrics   what this process holds of lists and filters
    source_metrics   runs, documents and requests of every source, as the state store has them, whoever did them
    audit_metrics    what audits and late checks found
    revocation_metrics  how soon revocations are obeyed, as the state store has it
    registry         all of it in one registry, brought up to date and written out when it is asked for

Labels come from the settings (index, source), from the loaded model, from the modes of search and sync, and from fixed
words of ours. No label and no number comes from a document, a person, a list or a query.
"""

from __future__ import annotations

from service.metrics.access_metrics import AccessCollector, PlainFilterCollector
from service.metrics.audit_metrics import AuditMetrics, LateCheckCollector
from service.metrics.model_metrics import ModelCollector
from service.metrics.query_metrics import SUGGESTING, QueryMetrics
from service.metrics.registry import Metrics
from service.metrics.revocation_metrics import RevocationMetrics
from service.metrics.source_metrics import SourceMetrics

__all__ = [
    "SUGGESTING",
    "AccessCollector",
    "AuditMetrics",
    "LateCheckCollector",
    "Metrics",
    "ModelCollector",
    "PlainFilterCollector",
    "QueryMetrics",
    "RevocationMetrics",
    "SourceMetrics",
]

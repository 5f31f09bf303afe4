"""A model behind an HTTP endpoint of somebody else's, by one of three protocols; its texts are still tokenised here."""

from embedder.runtimes.remote.enricher import RemoteEnricher, open_remote_enricher

__all__ = ["RemoteEnricher", "open_remote_enricher"]

"""One `[[admin.keys]]` entry: a key of the admin API, who holds it, and what it opens."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from service.api_keys import KeyConfig


class Scope(StrEnum):
    """What a key opens."""

    SOURCES = "sources"  # look at sources and how they stand
    RUNS = "runs"  # look at runs and how their documents ended
    SYNC = "sync"  # start and stop syncs
    AUDIT = "audit"  # have a source asked who may read what, and read what was found
    EXPLAIN = "explain"  # ask why a person may or may not read a document
    SEARCH_AS = "search-as"  # search with the eyes of a person
    IDENTITIES = "identities"  # look at and change who is who
    REVIEWS = "reviews"  # look at documents that are held back, and decide about them
    ACTS = "acts"  # read the log of what administrators did
    METRICS = "metrics"  # read /metrics


class AdminKeyConfig(KeyConfig):
    """One key of the admin API."""

    scopes: tuple[Scope, ...] = Field(min_length=1)

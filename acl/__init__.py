"""Who may read what.

In come ACLs, people and memberships from the sources, and the claims of a verified token; out goes the access filter
that every search runs under, and the decision on a single document. The room never opens by mistake: an unknown
person, list or principal admits nobody.
"""

from __future__ import annotations

from acl.access_control import AccessControl, HeldAccess
from acl.decide import Decision, Ground, decide, may_read
from acl.expand import GroupGraph, expand
from acl.identity_store import IdentityCounts, IdentityStore, Match, MatchOutcome
from acl.reader import MatchUserBy, ReaderClaims, SourceIdentityRule
from acl.refresh import refresh_identities
from acl.store import AclStore
from acl.tables import create_tables

__all__ = [
    "AccessControl",
    "AclStore",
    "Decision",
    "Ground",
    "GroupGraph",
    "HeldAccess",
    "IdentityCounts",
    "IdentityStore",
    "Match",
    "MatchOutcome",
    "MatchUserBy",
    "ReaderClaims",
    "SourceIdentityRule",
    "create_tables",
    "decide",
    "expand",
    "may_read",
    "refresh_identities",
]

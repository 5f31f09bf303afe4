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
from acl.mapping import IdentityMapping, MappingKey, key_of
from acl.mapping_file import FileMappings, MappingFile
from acl.mapping_lookup import IdentityMappings
from acl.mapping_store import KeptMapping, MappingStore
from acl.reader import AdoptedGroups, MatchUserBy, ReaderClaims, SourceIdentityRule
from acl.refresh import refresh_identities
from acl.store import AclStore
from acl.tables import create_tables

__all__ = [
    "AccessControl",
    "AclStore",
    "AdoptedGroups",
    "Decision",
    "FileMappings",
    "Ground",
    "GroupGraph",
    "HeldAccess",
    "IdentityCounts",
    "IdentityMapping",
    "IdentityMappings",
    "IdentityStore",
    "KeptMapping",
    "MappingFile",
    "MappingKey",
    "MappingStore",
    "Match",
    "MatchOutcome",
    "MatchUserBy",
    "ReaderClaims",
    "SourceIdentityRule",
    "create_tables",
    "decide",
    "expand",
    "key_of",
    "may_read",
    "refresh_identities",
]

"""Who may read what.

In come ACLs, people and memberships from the sources, and the claims of a verified token; out goes the access filter
that every search runs under, and the decision on a single
document with its reasons. The room never opens by mistake: an unknown
person, list or principal admits nobody.
"""

from __future__ import annotations

from acl.access_control import AccessControl, HeldAccess
from acl.changes import AccessChange, AccessRecords, StoredAcl, StoredEntry, StoredMembership, StoredPerson
from acl.decide import Decision, Ground, decide, may_read
from acl.expand import GroupGraph, expand
from acl.explain import AccessExplainer, AccessExplanation, ConcerningEntry, SourceMatch
from acl.identity_store import IdentityCounts, IdentityStore, Match, MatchOutcome
from acl.mapping import IdentityMapping, MappingKey, key_of
from acl.mapping_file import FileMappings, MappingFile
from acl.mapping_lookup import IdentityMappings
from acl.mapping_store import KeptMapping, MappingStore
from acl.reader import AdoptedGroups, MatchUserBy, ReaderClaims, SourceIdentityRule
from acl.refresh import refresh_identities
from acl.remedies import Change, Measure, Remedy
from acl.revocations import FirstUses, Revocation, RevocationRecords
from acl.store import AclStore
from acl.tables import Effect, Realm, create_tables

__all__ = [
    "AccessChange",
    "AccessControl",
    "AccessExplainer",
    "AccessExplanation",
    "AccessRecords",
    "AclStore",
    "AdoptedGroups",
    "Change",
    "ConcerningEntry",
    "Decision",
    "Effect",
    "FileMappings",
    "FirstUses",
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
    "Measure",
    "ReaderClaims",
    "Realm",
    "Remedy",
    "Revocation",
    "RevocationRecords",
    "SourceIdentityRule",
    "SourceMatch",
    "StoredAcl",
    "StoredEntry",
    "StoredMembership",
    "StoredPerson",
    "create_tables",
    "decide",
    "expand",
    "key_of",
    "may_read",
    "refresh_identities",
]

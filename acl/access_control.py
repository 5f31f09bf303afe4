"""The front door of the room: from the claims of a verified token to the filter that a search runs under.

Every request compares the stored versions (one statement) with those its reader's filter was made from: a change of
lists or identities takes effect with the next request, in every process, and nothing unchanged is computed again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pyroaring import BitMap, FrozenBitMap
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from acl.expand import GroupGraph
from acl.identity_store import IdentityStore, Match, MatchOutcome
from acl.mapping_lookup import IdentityMappings, Mapped
from acl.principal_numbers import PrincipalNumbers
from acl.reader import KnownReader, ReaderClaims, SourceIdentityRule
from acl.revocations import FirstUses
from acl.store import AclStore
from acl.tables import UNCHANGED, Realm, Version, read_versions
from acl.visible import AclMaps, VisibleAcls
from vocabulary.access import HIDDEN_ACL, AccessFilter, Person, Principal
from vocabulary.errors import StateUnavailable

_log = logging.getLogger(__name__)

# A filter over 100,000 lists takes at most 2 × 12.5 KB, so that a full cache stays below 50 MB.
_CACHED_FILTERS = 2_000

_FILE = ""  # named like no source: the mappings that a file holds for all of them

_Versions = Mapping[tuple[Realm, str], Version]


@dataclass(frozen=True, slots=True)
class _CachedFilter:
    versions: _Versions
    access: AccessFilter


@dataclass(frozen=True, slots=True)
class HeldAccess:
    """What access control holds in memory, and how often a filter was spared its computation."""

    filters: int
    filters_reused: int
    filters_computed: int
    lists: Mapping[str, int]  # by source


class AccessControl:
    """Builds access filters from the state store behind `engine`, whose tables exist. Use from one event loop.

    `mappings` None: those of the state store, and no file's.
    """

    def __init__(self, engine: Engine, *, mappings: IdentityMappings | None = None) -> None:
        self._engine = engine
        self._mappings = mappings or IdentityMappings(engine)
        self._acls = AclStore(engine)
        self._numbers = PrincipalNumbers()
        self._identities = IdentityStore(engine, self._numbers)
        self._maps = AclMaps(engine, self._numbers)
        self._filters: OrderedDict[Hashable, _CachedFilter] = OrderedDict()
        self.first_uses = FirstUses(engine)
        self._reused = 0
        self._computed = 0

    async def filter_for(self, claims: ReaderClaims, sources: Sequence[SourceIdentityRule]) -> AccessFilter:
        """What the bearer of the claims may see of the sources; nothing of a source that does not know them.

        In the sources that do, they act as themselves there, as their groups there, and as the groups of the token,
        which are scoped by its issuer and never equal a source's, unless the source adopts them.
        """
        key = (claims, tuple(sources))
        at_hand = await self._versions([rule.source for rule in sources])
        versions = _of_filters(at_hand)
        cached = self._cached(key, versions)
        access = cached or self._remember(key, versions, await self._compute(claims, sources, versions))
        self._note_use(at_hand)
        return access

    async def public_filter(self, sources: Sequence[str]) -> AccessFilter:
        """What anybody may see of the named sources: the lists that allow everyone and deny nobody."""
        key = ("public", tuple(sources))
        at_hand = await self._versions(sources)
        versions = _of_filters(at_hand)
        cached = self._cached(key, versions)
        access = cached or self._remember(key, versions, await self._compute_public(sources, versions))
        self._note_use(at_hand)
        return access

    @asynccontextmanager
    async def warming(self, sources: Iterable[str]) -> AsyncIterator[None]:
        """Read the groups and lists of the sources meanwhile, so that no first request waits until they are read."""
        reading = asyncio.create_task(self._warm(list(sources)))
        try:
            yield
        finally:
            reading.cancel()
            await asyncio.wait({reading})

    async def _warm(self, sources: Sequence[str]) -> None:
        try:
            versions = await self._versions(sources)
            for source in sources:
                await self._identities.groups(source)
                listed = _list_versions([source], versions)
                await asyncio.to_thread(self._maps.visible_to, BitMap(), versions=listed)
        except (SQLAlchemyError, StateUnavailable) as error:
            _log.warning("groups and lists are read with the first request: %s", type(error).__name__)

    async def match(self, claims: ReaderClaims, rule: SourceIdentityRule) -> Match:
        """Who the bearer of the claims is in a source, or why nobody. What an operator has mapped overrules names."""
        mapped = await self._mappings.find(claims, rule.source)
        if mapped is None:
            return await self._identities.find(rule.source, claims.user, by=rule.match_user_by)
        return await self._match_mapped(mapped, rule.source)

    async def mapped(self, claims: ReaderClaims, source: str) -> Mapped | None:
        """What an operator has said of who the bearer of the claims is in a source; None: nothing, so names decide."""
        return await self._mappings.find(claims, source)

    async def people_mapped(self, *, issuer: str, source: str) -> Mapping[str, frozenset[str]]:
        """Whom operators have mapped users of an issuer to in a source, by the users' folded names."""
        return await self._mappings.people(issuer=issuer, source=source)

    async def _match_mapped(self, mapped: Mapped, source: str) -> Match:
        if mapped.is_unreadable:
            return Match(MatchOutcome.MAPPINGS_UNREADABLE)
        if len(mapped.people) > 1:
            return Match(MatchOutcome.MAPPINGS_DISAGREE)
        [person_id] = mapped.people
        return await self._identities.find_mapped(source, person_id)

    async def reader(self, claims: ReaderClaims, sources: Sequence[SourceIdentityRule]) -> KnownReader:
        """Who the bearer of the claims is in the sources that know them, and everything they act as there."""
        people, principals = await self._held_by(claims, sources)
        return KnownReader(people, self._numbers.names(principals))

    async def groups(self, source: str) -> GroupGraph:
        """Who belongs to which group of a source, as it is stored now."""
        return await self._identities.groups(source)

    async def is_administrator(self, claims: ReaderClaims, sources: Sequence[SourceIdentityRule]) -> bool:
        """Whether one of the sources knows the bearer of the claims as a person whom it lets read everything."""
        people = await self._people(claims, sources)
        return any(person.is_administrator for person in people.values())

    def held(self) -> HeldAccess:
        """What is held now. Waits for lists that are being read; may be called from any thread."""
        return HeldAccess(
            filters=len(self._filters),
            filters_reused=self._reused,
            filters_computed=self._computed,
            lists=self._maps.held(),
        )

    async def _compute(
        self, claims: ReaderClaims, sources: Sequence[SourceIdentityRule], versions: _Versions
    ) -> AccessFilter:
        people, principals = await self._held_by(claims, sources)
        visible = await asyncio.to_thread(self._maps.visible_to, principals, versions=_list_versions(people, versions))
        return await self._filter(visible, owners=frozenset(str(person.principal) for person in people.values()))

    async def _compute_public(self, sources: Sequence[str], versions: _Versions) -> AccessFilter:
        visible = await asyncio.to_thread(self._maps.visible_to_public, versions=_list_versions(sources, versions))
        return await self._filter(visible, owners=frozenset())

    async def _held_by(
        self, claims: ReaderClaims, sources: Sequence[SourceIdentityRule]
    ) -> tuple[dict[str, Person], BitMap]:
        """Who the reader is, in each source that knows them, and the numbers of all that they act as."""
        people = await self._people(claims, sources)
        principals = self._numbers.of_all(_groups_of_token(claims, sources))
        adopted = {rule.source: adopted_groups(claims, rule) for rule in sources}
        for source, person in people.items():
            principals |= await self._identities.numbers_of(person, also_in=adopted[source])
        return people, principals

    async def _people(self, claims: ReaderClaims, sources: Sequence[SourceIdentityRule]) -> dict[str, Person]:
        """Who the reader is, in each source that knows them."""
        matches = {rule.source: await self.match(claims, rule) for rule in sources}
        return {source: match.person for source, match in matches.items() if match.person is not None}

    async def _filter(self, acls: VisibleAcls, *, owners: frozenset[str]) -> AccessFilter:
        return AccessFilter(
            numbering=await asyncio.to_thread(lambda: self._acls.numbering),
            visible=_without_hidden(acls.visible),
            if_owner=_without_hidden(acls.if_owner),
            owners=owners,
        )

    async def _versions(self, sources: Sequence[str]) -> _Versions:
        def read() -> _Versions:
            with self._engine.connect() as connection:
                versions = read_versions(connection, sources)
            return {**versions, (Realm.MAPPINGS, _FILE): Version(self._mappings.file_revision())}

        return await asyncio.to_thread(read)

    def _note_use(self, versions: _Versions) -> None:
        self.first_uses.note({counter: version.number for counter, version in versions.items()})

    def _cached(self, key: Hashable, versions: _Versions) -> AccessFilter | None:
        entry = self._filters.get(key)
        if entry is None or entry.versions != versions:
            return None
        self._filters.move_to_end(key)
        self._reused += 1
        return entry.access

    def _remember(self, key: Hashable, versions: _Versions, access: AccessFilter) -> AccessFilter:
        self._computed += 1
        self._filters[key] = _CachedFilter(versions, access)
        self._filters.move_to_end(key)
        if len(self._filters) > _CACHED_FILTERS:
            self._filters.popitem(last=False)
        return access


def _of_filters(versions: _Versions) -> _Versions:
    """Those of the versions that a filter depends on: under which list a document is, the index says itself."""
    return {counter: version for counter, version in versions.items() if counter[0] is not Realm.DOCUMENTS}


def _groups_of_token(claims: ReaderClaims, sources: Sequence[SourceIdentityRule]) -> set[str]:
    """The token's groups in the issuer's own scope; none where the issuer is named like a source."""
    if any(rule.source == claims.issuer for rule in sources):
        return set()
    return {str(Principal.group(claims.issuer, group)) for group in claims.groups if group}


def adopted_groups(claims: ReaderClaims, rule: SourceIdentityRule) -> frozenset[str]:
    """The token's groups as groups of the source: none, unless the source adopts those of the token's issuer."""
    if rule.adopted is None or rule.adopted.issuer != claims.issuer:
        return frozenset()
    return frozenset(str(Principal.group(rule.source, rule.adopted.prefix + name)) for name in claims.groups if name)


def _list_versions(sources: Sequence[str] | Mapping[str, Person], versions: _Versions) -> dict[str, Version]:
    return {source: versions.get((Realm.LISTS, source), UNCHANGED) for source in sources}


def _without_hidden(ids: BitMap) -> FrozenBitMap:
    """The id that no list has, kept out whatever the store holds."""
    return FrozenBitMap(ids - BitMap([HIDDEN_ACL]))

"""Why a reader may read a document, or may not: the decision with the facts behind it.

In come the claims of a reader, and the list and owner that an index holds a document under; out comes the decision that
the access filter makes of them, the entries that concern the reader with the shortest chain of groups to each, what
waits to be given, whom each source takes the reader for, which run brought each fact, and what would change the answer.
It decides nothing by itself: the ground is that of `decide.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Engine

from acl.access_control import AccessControl, adopted_groups
from acl.changes import AccessChange, AccessRecords, StoredAcl, StoredEntry, StoredMembership, StoredPerson
from acl.decide import Ground, decide
from acl.expand import GroupGraph, acting_as
from acl.identity_store import Match, MatchOutcome
from acl.mapping_lookup import Mapped
from acl.reader import KnownReader, MatchUserBy, ReaderClaims, SourceIdentityRule
from acl.remedies import Case, Change, Measure, Persona, Remedy, what_would_hide, what_would_show
from acl.tables import Effect
from vocabulary.access import HIDDEN_ACL, Acl, AclId, Person, Principal, PrincipalKind

_NAMESAKES_SHOWN = 3  # of those who share a name; a default address may be everybody's


@dataclass(frozen=True, slots=True)
class SourceMatch:
    """Whom a source takes the reader for, or why for nobody.

    `people` are all whom the token's user may mean: one if found or disabled, several if ambiguous. `mapped` is what an
    operator has said of it, which overrules names.
    """

    source: str
    match_user_by: MatchUserBy
    match: Match
    people: tuple[StoredPerson, ...]
    mapped: Mapped | None = None


@dataclass(frozen=True, slots=True)
class ConcerningEntry:
    """An entry of the list that is about the reader, and how.

    `chain` leads from the person to the entry's group, each membership with what brought it; empty where the entry is
    the person, one of the token's groups, or what no directory lists (everyone, administrators). Where the person is in
    the first group by the word of the token alone, that group is `adopted`, and the chain begins there.
    """

    effect: Effect
    principal: Principal
    chain: tuple[StoredMembership, ...]
    brought_by: AccessChange | None
    adopted: Principal | None = None


@dataclass(frozen=True, slots=True)
class AccessExplanation:
    """A decision and its reasons. `entries` begin with the deciding one, if an entry decided.

    `matches` begin with the document's source. Each of `remedies` by itself would turn the decision round.
    """

    allowed: bool
    ground: Ground
    entries: tuple[ConcerningEntry, ...]
    acl: StoredAcl | None
    owner: Principal | None
    owns: bool
    matches: tuple[SourceMatch, ...]
    remedies: tuple[Remedy, ...]

    @property
    def deciding(self) -> ConcerningEntry | None:
        """The entry that decided; None where none did."""
        decided = {Ground.DENIED: Effect.DENY, Ground.ALLOWED: Effect.ALLOW}.get(self.ground)
        return next((entry for entry in self.entries if entry.effect is decided), None)

    @property
    def waiting(self) -> tuple[ConcerningEntry, ...]:
        """What will be given to the reader, or no longer denied to them, once a sync has come to its end."""
        return tuple(each for each in self.entries if each.effect in {Effect.ALLOW_LATER, Effect.DENY_NO_LONGER})


class AccessExplainer:
    """Explains decisions from the state store behind `engine`; `access_control` makes its filters."""

    def __init__(self, engine: Engine, access_control: AccessControl) -> None:
        self._access_control = access_control
        self._records = AccessRecords(engine)

    async def explain(
        self,
        claims: ReaderClaims,
        sources: Sequence[SourceIdentityRule],
        *,
        source: str,
        acl_id: AclId,
        owner: Principal | None,
    ) -> AccessExplanation:
        """Explain the decision on a document of `source`, one of the `sources` that feed the reader's index."""
        reader = await self._access_control.reader(claims, sources)
        acl = await self._records.acl(source, acl_id) if acl_id != HIDDEN_ACL else None
        in_force = acl.in_force if acl is not None else None
        case = Case(source, in_force, acl.meant if acl is not None else None, owner)
        is_known = source in reader.people
        ground = decide(in_force, owner, _held(case, reader) if is_known else frozenset(), source=source).ground
        if not is_known and ground is not Ground.NO_READABLE_ACL:
            ground = Ground.UNKNOWN_READER
        adopted = {rule.source: adopted_groups(claims, rule) for rule in sources}
        matches = [await self._match(claims, rule) for rule in sorted(sources, key=lambda rule: rule.source != source)]
        allowed = ground.is_admitting
        return AccessExplanation(
            allowed=allowed,
            ground=ground,
            entries=await self._concerning(acl, reader, adopted),
            acl=acl,
            owner=owner,
            owns=owner is not None and owner.kind is PrincipalKind.USER and str(owner) in reader.principals,
            matches=tuple(matches),
            remedies=await self._remedies(case, reader, claims, matches[0], adopted[source], allowed=allowed),
        )

    async def explain_public(self, *, source: str, acl_id: AclId, owner: Principal | None) -> AccessExplanation:
        """Explain whether a document of a public index is for everybody: allowed to everyone and denied to nobody."""
        acl = await self._records.acl(source, acl_id) if acl_id != HIDDEN_ACL else None
        concerning = [] if acl is None else [each for each in acl.entries if _concerns_the_public(each, source)]
        order = [Effect.DENY, Effect.ALLOW, Effect.DENY_NO_LONGER, Effect.ALLOW_LATER]
        entries = tuple(
            ConcerningEntry(each.effect, each.principal, (), each.brought_by)
            for each in sorted(concerning, key=lambda each: order.index(each.effect))
        )
        ground = Ground.NO_READABLE_ACL if acl is None else _public_ground(acl.in_force, source)
        return AccessExplanation(
            allowed=ground.is_admitting,
            ground=ground,
            entries=entries,
            acl=acl,
            owner=owner,
            owns=False,
            matches=(),
            remedies=() if acl is None else _public_remedies(acl, source),
        )

    async def _match(self, claims: ReaderClaims, rule: SourceIdentityRule) -> SourceMatch:
        match = await self._access_control.match(claims, rule)
        mapped = await self._access_control.mapped(claims, rule.source)
        if mapped is None:
            people = await self._records.people_named(rule.source, claims.user, by=rule.match_user_by)
        else:
            found = [await self._records.person(Principal.user(rule.source, each)) for each in sorted(mapped.people)]
            people = tuple(person for person in found if person is not None)
        return SourceMatch(rule.source, rule.match_user_by, match, people, mapped)

    async def _concerning(
        self, acl: StoredAcl | None, reader: KnownReader, adopted: Mapping[str, Collection[str]]
    ) -> tuple[ConcerningEntry, ...]:
        """The entries about the reader: denials in force, then allowances, then what waits; short chains first."""
        if acl is None:
            return ()
        mine = [entry for entry in acl.entries if str(entry.principal) in reader.principals]
        concerning = [await self._chained(entry, reader, adopted.get(entry.principal.scope, ())) for entry in mine]
        order = [Effect.DENY, Effect.ALLOW, Effect.DENY_NO_LONGER, Effect.ALLOW_LATER]
        return tuple(sorted(concerning, key=lambda each: (order.index(each.effect), len(each.chain), each.principal)))

    async def _chained(self, entry: StoredEntry, reader: KnownReader, adopted: Collection[str]) -> ConcerningEntry:
        person, scope, goal = reader.people.get(entry.principal.scope), entry.principal.scope, str(entry.principal)
        if person is None or entry.principal.kind is not PrincipalKind.GROUP:
            return ConcerningEntry(entry.effect, entry.principal, (), entry.brought_by)
        graph = await self._access_control.groups(scope)
        begins = [str(person.principal), *sorted(adopted)]
        ways = [(begin,) if begin == goal else graph.chain(begin, goal) for begin in begins]
        way = min((way for way in ways if way), key=len, default=())
        by_token = Principal.parse(way[0]) if way and way[0] in adopted else None
        chain = await self._records.memberships(scope, way)
        return ConcerningEntry(entry.effect, entry.principal, chain, entry.brought_by, by_token)

    async def _remedies(
        self,
        case: Case,
        reader: KnownReader,
        claims: ReaderClaims,
        here: SourceMatch,
        adopted: Collection[str],
        *,
        allowed: bool,
    ) -> tuple[Remedy, ...]:
        graph = await self._access_control.groups(case.source)
        personas = _personas(reader, claims, here, graph, frozenset(adopted))
        if allowed:
            return what_would_hide(case, personas[0], graph)
        return what_would_show(case, personas, graph)


def _held(case: Case, reader: KnownReader) -> frozenset[Principal]:
    """Those of the reader's principals that the document names, or that read all of its source."""
    named = {Principal.administrators(case.source)}
    if case.in_force is not None:
        named |= case.in_force.allow | case.in_force.deny
    if case.owner is not None:
        named.add(case.owner)
    return frozenset(principal for principal in named if str(principal) in reader.principals)


def _personas(
    reader: KnownReader, claims: ReaderClaims, here: SourceMatch, graph: GroupGraph, adopted: frozenset[str]
) -> list[Persona]:
    """Who the reader is in the document's source, or whom they would be taken for if their name were cleared up."""
    if (person := reader.people.get(here.source)) is not None:
        return [Persona(person.principal, reader.principals, adopted=adopted)]
    match here.match.outcome, here.mapped:
        case MatchOutcome.UNKNOWN, _:
            strangers = [claims.user] if claims.user else []
        case MatchOutcome.MAPPED_TO_UNKNOWN, Mapped(people):
            strangers = sorted(people)
        case ((MatchOutcome.DISABLED | MatchOutcome.AMBIGUOUS), _):
            return [_cleared_up(each, reader, here, graph, adopted) for each in here.people[:_NAMESAKES_SHOWN]]
        case _:  # mappings that contradict each other or cannot be read: nobody knows who is meant
            strangers = []
    return [_newcomer(Principal.user(here.source, each), reader, graph, adopted) for each in strangers]


def _cleared_up(
    stored: StoredPerson, reader: KnownReader, here: SourceMatch, graph: GroupGraph, adopted: frozenset[str]
) -> Persona:
    """One whom the reader's name may mean, once it means nobody else and they are enabled."""
    someone = stored.person
    needed = {Measure.TELL_APART: len(here.people) > 1, Measure.ENABLE: not someone.enabled}
    changes = tuple(Change(measure, someone.principal) for measure, is_needed in needed.items() if is_needed)
    held = graph.numbers.names(acting_as(replace(someone, enabled=True), graph, also_in=adopted))
    return Persona(someone.principal, reader.principals | held, changes, adopted)


def _newcomer(principal: Principal, reader: KnownReader, graph: GroupGraph, adopted: frozenset[str]) -> Persona:
    """A person whom the source does not list yet."""
    someone = Person(principal, username=principal.id, email=None, display_name="")
    held = graph.numbers.names(acting_as(someone, graph, also_in=adopted))
    return Persona(principal, reader.principals | held, (Change(Measure.KNOW, principal),), adopted)


def _concerns_the_public(entry: StoredEntry, source: str) -> bool:
    return entry.effect in {Effect.DENY, Effect.DENY_NO_LONGER} or entry.principal == Principal.everyone(source)


def _public_ground(acl: Acl, source: str) -> Ground:
    if acl.deny:
        return Ground.DENIED
    return Ground.ALLOWED if Principal.everyone(source) in acl.allow else Ground.NOTHING_MATCHED


def _public_remedies(acl: StoredAcl, source: str) -> tuple[Remedy, ...]:
    everyone = Principal.everyone(source)
    if _public_ground(acl.in_force, source).is_admitting:
        return ((Change(Measure.TAKE_ALLOWANCE, everyone),),)
    if _public_ground(acl.meant, source).is_admitting:
        return ((Change(Measure.GRANT),),)
    lifted = tuple(Change(Measure.LIFT_DENIAL, denied) for denied in sorted(acl.meant.deny))
    return ((*lifted, *(() if everyone in acl.meant.allow else (Change(Measure.ALLOW, everyone),))),)

"""One round of questions: which facts they need, each asked for once, level by level up the tree."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.alfresco.wire.concurrency import all_of
from connectors.alfresco.wire.exchange import Exchange
from connectors.alfresco.witness.facts import (
    GONE,
    NodeFacts,
    PersonFacts,
    Silence,
    groups_of,
    node_facts,
    person_facts,
)
from connectors.alfresco.witness.rules import Authorities, EntryOrder, silent, statement_for, statement_for_anybody
from vocabulary.statements import Statement, Verdict


class Hearing:
    """What one account was told; it is asked for nothing twice, and forgotten with the round."""

    def __init__(self, exchange: Exchange, *, extra_granting: frozenset[str]) -> None:
        self._exchange = exchange
        self._extra_granting = extra_granting
        self._nodes: dict[str, NodeFacts | Silence] = {}
        self._people: dict[str, Authorities | Silence | None] = {}

    async def learn(self, *, node_ids: Iterable[str], people: Iterable[str]) -> None:
        """Ask for the nodes, for what they inherit from, and for the people."""
        await self._learn_people(set(people))
        wanted = set(node_ids)
        while wanted:
            told = await all_of(node_facts(self._exchange, node_id) for node_id in sorted(wanted))
            self._nodes |= dict(zip(sorted(wanted), told, strict=True))
            wanted = {parent for node in told if (parent := _inherits_from(node))} - self._nodes.keys()

    def statement(self, node_id: str, user: str | None) -> Statement:
        """Answer from what was learned."""
        node = self._nodes[node_id]
        if isinstance(node, Silence):
            return silent(node)
        entries = self._entries(node)
        if isinstance(entries, Silence):
            return silent(entries)
        if user is None:
            return statement_for_anybody(entries)
        reader = self._people[user]
        if reader is None:
            return Statement(Verdict.DENIED)
        return silent(reader) if isinstance(reader, Silence) else statement_for(reader, entries, owner=node.owner)

    async def _learn_people(self, people: set[str]) -> None:
        told = await all_of(self._authorities(user) for user in sorted(people))
        self._people |= dict(zip(sorted(people), told, strict=True))

    async def _authorities(self, user: str) -> Authorities | Silence | None:
        """As whom the person acts; None: they are no more, or their account is closed."""
        person = await person_facts(self._exchange, user)
        if isinstance(person, Silence):
            return None if person is GONE else person
        if not _is_open(person, user):
            return None
        groups = await groups_of(self._exchange, user)
        if isinstance(groups, Silence):
            return None if groups is GONE else groups  # removed since they were asked for
        return Authorities.of(person, groups)

    def _entries(self, node: NodeFacts) -> EntryOrder | Silence:
        """The entries that count for a node, nearest first."""
        upwards: list[NodeFacts] = []
        above: NodeFacts | Silence = node
        while isinstance(above, NodeFacts) and above.permissions is not None:
            upwards.append(above)
            parent = _inherits_from(above)
            if parent is None:
                return EntryOrder(upwards, is_whole=True, extra_granting=self._extra_granting)
            above = self._nodes[parent]
        if not upwards:
            return Silence("permissions-unreadable")
        return EntryOrder(upwards, is_whole=False, extra_granting=self._extra_granting)


def _is_open(person: PersonFacts, user: str) -> bool:
    """Whether this is the person meant, letter by letter, and may sign in."""
    return person.id == user and person.enabled


def _inherits_from(node: NodeFacts | Silence) -> str | None:
    """The parent whose entries count for the node, too."""
    if isinstance(node, Silence) or node.permissions is None or not node.permissions.is_inheritance_enabled:
        return None
    return node.parent_id

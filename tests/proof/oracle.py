"""A third opinion on who may find what: Alfresco's rules, worked out from the raw nodes, people and groups of a world.

It shares no code with the simulated server's own decisions, nor with the connector's or the service's: three who agree
without having spoken. The rules are those of search (PermissionServiceImpl with `security.anyDenyDenies=true`,
OwnableServiceImpl, SolrDenySetQuery): of the entries on the way up, as far as inheritance reaches, the nearest that
touches Read decides for each authority, a denial before an allowance at one place; whoever holds a denied authority
finds nothing, else whoever holds an admitted one or owns the document does. Administrators find everything.
"""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.model import Content, Node, Person

# permissionDefinitions.xml and sitePermissionDefinitions.xml: what includes all of Read, what has a part in it.
_LETS_READ = {
    *("Read", "Consumer", "Contributor", "Editor", "Collaborator", "Coordinator", "FullControl", "All"),
    *("Administrator", "SiteConsumer", "SiteContributor", "SiteCollaborator", "SiteManager"),
}
_TOUCHES_READ = _LETS_READ | {"ReadProperties", "ReadChildren", "ReadContent"}

_EVERYONE, _ADMINISTRATORS, _GUEST = "GROUP_EVERYONE", "GROUP_ALFRESCO_ADMINISTRATORS", "guest"


@dataclass(frozen=True)
class Expected:
    """What an index must hold of a document, whoever asks."""

    title: str
    path: str
    mark: str  # the word that only its present content has; empty where there is nothing to read
    ending: str  # the last words of its content
    comments: frozenset[tuple[str, str]]  # id and text


class Oracle:
    """A world as it is now; what changes afterwards is for the next oracle."""

    def __init__(self, world: World) -> None:
        self._nodes: Mapping[str, Node] = dict(world.nodes)
        self._people: Mapping[str, Person] = dict(world.directory.people)
        self._groups_of: dict[str, set[str]] = defaultdict(set)
        for group_id, group in world.directory.groups.items():
            for member in group.members:
                self._groups_of[member].add(group_id)
        self._children: dict[str, list[Node]] = defaultdict(list)
        for node in self._nodes.values():
            if node.parent_id is not None:
                self._children[node.parent_id].append(node)
        self._decided: dict[str, Mapping[str, bool]] = {}

    # -- documents -----------------------------------------------------------------------------------------------------

    def documents_below(self, roots: Iterable[str]) -> set[str]:
        """Ids of the files in these folders' trees that a crawl brings: no links, no records."""
        return {node.id for root in roots for node in self._below(root) if _is_document(node)}

    def others_below(self, roots: Iterable[str]) -> set[str]:
        """Ids of what else a crawl meets there and has to account for."""
        met = {node.id for root in roots for node in self._below(root) if node.node_type not in _FOLDERS}
        return met - self.documents_below(roots)

    def expected(self, node_id: str) -> Expected:
        node = self._nodes[node_id]
        words = _text(node.content).split()
        return Expected(
            title=node.name,
            path="/" + "/".join(reversed([above.name for above in self._above(node)])),
            mark=next((word.strip(".") for word in words if word.startswith("REF")), " ".join(words)),
            ending=" ".join(words[-_LAST_WORDS:]),
            comments=frozenset((comment.id, plain(comment.html)) for comment in node.comments),
        )

    def _below(self, folder_id: str) -> Iterator[Node]:
        waiting = [folder_id]
        while waiting:
            for child in self._children[waiting.pop()]:
                yield child
                waiting.append(child.id)

    def _above(self, node: Node) -> Iterator[Node]:
        while node.parent_id is not None:
            node = self._nodes[node.parent_id]
            yield node

    # -- who may find --------------------------------------------------------------------------------------------------

    def findable(self, user: str, among: Iterable[str]) -> set[str]:
        """The documents among these that the person finds."""
        person = self._people.get(user)
        if person is None or not person.enabled:
            return set()
        held = self._authorities(user)
        if _ADMINISTRATORS in held:
            return set(among)
        verdicts: dict[int, tuple[bool, bool]] = {}
        return {node_id for node_id in among if self._finds(user, held, self._nodes[node_id], verdicts)}

    def user_of(self, address: str) -> str | None:
        """The person whom an e-mail address means: the only one who has it, the closed accounts included."""
        people = [person for person in self._people.values() if person.email.lower() == address.lower() != ""]
        return people[0].id if len(people) == 1 else None

    def _finds(self, user: str, held: set[str], node: Node, verdicts: dict[int, tuple[bool, bool]]) -> bool:
        decided = self._decisions(node)
        if id(decided) not in verdicts:
            mine = [decided[authority] for authority in held & decided.keys()]
            verdicts[id(decided)] = False in mine, True in mine
        is_denied, is_admitted = verdicts[id(decided)]
        return not is_denied and (is_admitted or _owner(node) == user)

    def _authorities(self, user: str) -> set[str]:
        held, waiting = {user}, [user]
        while waiting:
            for group_id in self._groups_of[waiting.pop()] - held:
                held.add(group_id)
                waiting.append(group_id)
        return held | {_EVERYONE if user != _GUEST else "ROLE_GUEST"}

    def _decisions(self, node: Node) -> Mapping[str, bool]:
        """For each authority that counts at a node, whether it is admitted; one object for all who share a list."""
        if node.id not in self._decided:
            inherits = node.inherits_permissions and node.parent_id is not None
            above = self._decisions(self._nodes[str(node.parent_id)]) if inherits else {}
            own = _at_one_place(node)
            self._decided[node.id] = {**above, **own} if own or not inherits else above
        return self._decided[node.id]


_LAST_WORDS = 8
_FOLDERS = {"cm:folder", "st:sites", "st:site"}


def plain(markup: str) -> str:
    """The text of a comment of one paragraph, with single spaces."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", markup)).split())


def _text(content: Content | None) -> str:
    return content.data.decode() if content is not None else ""


def _is_document(node: Node) -> bool:
    return node.node_type == "cm:content" and not any(aspect.startswith("rma:") for aspect in node.aspects)


def _owner(node: Node) -> str:
    if "cm:ownable" in node.aspects:
        return str(node.properties.get("cm:owner") or "")
    return node.creator


def _at_one_place(node: Node) -> dict[str, bool]:
    decided: dict[str, bool] = {}
    for authority, role, status in node.entries:
        if status == "DENIED" and role in _TOUCHES_READ:
            decided[authority] = False
        elif status == "ALLOWED" and role in _LETS_READ:
            decided.setdefault(authority, True)
    return decided

"""One change after another to a repository, as people, administrators and accidents make them.

Everything is drawn from the caller's random source, so that a failing sequence can be repeated from its seed. Folders
of the installation, home folders, sites and their libraries stay; permissions change on all folders that people use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from connectors.alfresco.simulator.generator.growth import random_entry
from connectors.alfresco.simulator.generator.texts import MIME_TYPES, GeneratedContent, sentence, title
from connectors.alfresco.simulator.model import GUEST, Comment, Node, Visibility
from connectors.alfresco.simulator.node_store import ADMIN
from connectors.alfresco.simulator.world import World

T = TypeVar("T")

_MARK = "awskendra:indexControl"  # the aspect by which crawlers are told what to take
_LARGEST_DELETED_SHARE = 0.05  # a folder with more of the world below it stays: worlds must survive long sequences
_AGAINST_DELETION = ("file added", "file added", "restored")
_NEW_NUMBERS = 1 << 40  # contents and names of changes are numbered far above those of any generated node


@dataclass(frozen=True, slots=True)
class Change:
    """What was done, to which node, person or site; `str()` is for messages."""

    kind: str
    subject: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}{f' ({self.detail})' if self.detail else ''}"


def random_change(world: World, rng: Random) -> Change:
    """Change something; kinds are equally likely, but what is deleted in three ways is made up for by new files."""
    kinds = [*CHANGE_KINDS, *_AGAINST_DELETION]
    for kind in rng.sample(kinds, k=len(kinds)):
        if done := change(world, rng, kind):
            return done
    raise ValueError(f"nothing can be changed in world {world.name!r}")


def change(world: World, rng: Random, kind: str) -> Change | None:
    """Make one change of this kind; None where there is nothing to make it to."""
    done = _CHANGES[kind](world, rng)
    return None if done is None else Change(kind, *done)


_Done = tuple[str, str] | None  # the subject and the detail


# -- what there is to change -------------------------------------------------------------------------------------------


def _is_fixed(world: World, node: Node) -> bool:
    """Return whether a node belongs to the installation or to a site's frame."""
    return (
        node.parent_id in {None, world.root.id, world.user_homes.id, world.sites_folder.id}
        or "st:siteContainer" in node.aspects
    )


def _files(world: World) -> list[Node]:
    return [node for node in world.nodes.values() if node.node_type == "cm:content"]


def _folders(world: World) -> list[Node]:
    """Return the folders that people made."""
    return [node for node in world.nodes.values() if node.node_type == "cm:folder" and not _is_fixed(world, node)]


def _places(world: World) -> list[Node]:
    """Return where people put files: their own folders, the libraries and what lies directly below the root."""
    homes = {world.user_homes.id, world.root.id}
    return [
        node
        for node in world.nodes.values()
        if node.node_type == "cm:folder" and node.id not in homes and node.parent_id not in homes - {world.root.id}
    ]


def _people(world: World) -> list[str]:
    return [user for user in world.directory.people if user not in {ADMIN, GUEST}]


def _groups(world: World) -> list[str]:
    return [group_id for group_id, group in world.directory.groups.items() if "APP.DEFAULT" in group.zones]


def _pick(rng: Random, candidates: Iterable[T]) -> T | None:
    found = list(candidates)
    return rng.choice(found) if found else None


def _fresh(rng: Random) -> int:
    """Return a number that no document has."""
    return _NEW_NUMBERS + rng.getrandbits(40)


def _is_small(world: World, folder: Node) -> bool:
    return sum(1 for _ in world.subtree(folder)) <= max(10, _LARGEST_DELETED_SHARE * len(world.nodes))


# -- nodes -------------------------------------------------------------------------------------------------------------


def _edit_content(world: World, rng: Random) -> _Done:
    file = _pick(rng, _files(world))
    if file is None:
        return None
    number = _fresh(rng)
    world.set_content(file, GeneratedContent(number, file.content.mime_type if file.content else "text/plain"))
    return file.id, f"content {number}"


def _edit_properties(world: World, rng: Random) -> _Done:
    file = _pick(rng, _files(world))
    if file is None:
        return None
    world.set_properties(file, {"cm:title": title(_fresh(rng)), "gen:pages": rng.randrange(500)})
    return file.id, ""


def _add_file(world: World, rng: Random) -> _Done:
    folder = _pick(rng, _places(world))
    if folder is None:
        return None
    number, mime_type = _fresh(rng), rng.choice(list(MIME_TYPES))
    name = f"new {number} {title(number)}.{MIME_TYPES[mime_type]}"
    file = world.add_file(folder, name, GeneratedContent(number, mime_type), creator=rng.choice(_people(world)))
    return file.id, f"in {folder.name}"


def _rename(node: Node | None, world: World, rng: Random) -> _Done:
    if node is None:
        return None
    before = node.name
    _, dot, ending = before.rpartition(".") if node.content else ("", "", "")
    world.rename(node, f"renamed {_fresh(rng)}{dot}{ending}")
    return node.id, f"was {before}"


def _move(node: Node | None, world: World, rng: Random) -> _Done:
    if node is None:
        return None
    below = {one.id for one in world.subtree(node)} if node.children else {node.id}
    target = _pick(
        rng,
        (
            folder
            for folder in _places(world)
            if folder.id not in below and node.name.casefold() not in folder.children and folder.id != node.parent_id
        ),
    )
    if target is None:
        return None
    world.move(node, target)
    return node.id, f"to {target.name}"


def _delete(node: Node | None, world: World, *, permanent: bool = False) -> _Done:
    if node is None:
        return None
    world.delete(node, permanent=permanent)
    return node.id, node.name


def _small_folder(world: World, rng: Random) -> Node | None:
    return _pick(rng, (folder for folder in _folders(world) if _is_small(world, folder)))


def _restore(world: World, rng: Random) -> _Done:
    """Bring back a tree whose folder is still there and has not given its name away."""
    tree = _pick(
        rng,
        (
            tree
            for tree in world.trashcan.values()
            if (parent := world.nodes.get(tree.top.parent_id or "")) and not world.child_named(parent, tree.top.name)
        ),
    )
    if tree is None:
        return None
    world.restore(tree.top.id)
    return tree.top.id, tree.top.name


def _purge(world: World, rng: Random) -> _Done:
    node_id = _pick(rng, world.trashcan)
    if node_id is None:
        return None
    world.purge(node_id)
    return node_id, ""


def _add_aspect(world: World, rng: Random) -> _Done:
    file = _pick(rng, (file for file in _files(world) if _MARK not in file.aspects))
    if file is None:
        return None
    world.add_aspect(file, _MARK)
    return file.id, _MARK


def _remove_aspect(world: World, rng: Random) -> _Done:
    file = _pick(rng, (file for file in _files(world) if _MARK in file.aspects))
    if file is None:
        return None
    world.remove_aspect(file, _MARK)
    return file.id, _MARK


def _add_comment(world: World, rng: Random) -> _Done:
    file = _pick(rng, _files(world))
    if file is None:
        return None
    world.add_comment(file, rng.choice(_people(world)), f"<p>{sentence(rng)}</p>")
    return file.id, ""


def _commented(world: World, rng: Random) -> tuple[Node, Comment] | None:
    return _pick(rng, ((file, comment) for file in _files(world) for comment in file.comments))


def _edit_comment(world: World, rng: Random) -> _Done:
    found = _commented(world, rng)
    if found is None:
        return None
    file, comment = found
    world.edit_comment(comment, f"<p>{sentence(rng)} ({_fresh(rng)})</p>")
    return file.id, comment.id


def _remove_comment(world: World, rng: Random) -> _Done:
    found = _commented(world, rng)
    if found is None:
        return None
    file, comment = found
    world.remove_comment(file, comment)
    return file.id, comment.id


# -- permissions -------------------------------------------------------------------------------------------------------


def _set_entries(node: Node | None, world: World, rng: Random, *, inherit: bool | None = None) -> _Done:
    """Give a node one to three new entries, and another inheritance switch if one is named."""
    if node is None:
        return None
    people, groups = _people(world), _groups(world)
    entries = [random_entry(rng, people, groups) for _ in range(rng.randrange(1, 4))]
    inherits = node.inherits_permissions if inherit is None else inherit
    world.set_permissions(node, entries=entries, inherit=inherits)
    return node.id, f"{', '.join(map(str, entries))}; inherits: {inherits}"


def _high_folder(world: World, rng: Random) -> Node | None:
    """Return a folder that has folders below it, be it a library."""
    return _pick(
        rng,
        (
            folder
            for folder in _places(world)
            if any(child.node_type == "cm:folder" for child in world.children(folder))
        ),
    )


def _cut_inheritance(world: World, rng: Random) -> _Done:
    usable = [*_folders(world), *_files(world)]
    node = _pick(rng, (node for node in usable if node.inherits_permissions))
    return _set_entries(node, world, rng, inherit=False)


def _restore_inheritance(world: World, rng: Random) -> _Done:
    usable = [*_folders(world), *_files(world)]
    node = _pick(rng, (node for node in usable if not node.inherits_permissions))
    if node is None:
        return None
    world.set_permissions(node, entries=node.entries, inherit=True)
    return node.id, ""


def _change_owner(world: World, rng: Random) -> _Done:
    file = _pick(rng, _files(world))
    if file is None:
        return None
    owner = rng.choice([*_people(world), ""])
    world.set_owner(file, owner)
    return file.id, f"now {owner or 'nobody'}"


# -- people, groups and sites ------------------------------------------------------------------------------------------


def _join(world: World, rng: Random) -> _Done:
    """Let a person, or sometimes a group, join a group that it is not in."""
    group_id = _pick(rng, _groups(world))
    if group_id is None:
        return None
    members, directory = world.directory.groups[group_id].members, world.directory
    candidates = _people(world) if rng.random() < 0.7 else _groups(world)
    above = directory.ancestors(group_id) | {group_id}
    member = _pick(rng, (one for one in candidates if one not in members and one not in above))
    if member is None:
        return None
    world.join_group(member, group_id)
    return member, f"joined {group_id}"


def _leave(world: World, rng: Random) -> _Done:
    """End a membership of any group, those of sites among them, but not the administrator's."""
    found = _pick(
        rng,
        (
            (member, group_id)
            for group_id, group in world.directory.groups.items()
            for member in group.members
            if member != ADMIN and not member.startswith("GROUP_site_")
        ),
    )
    if found is None:
        return None
    member, group_id = found
    world.leave_group(member, group_id)
    return member, f"left {group_id}"


def _disable(world: World, rng: Random) -> _Done:
    user = _pick(rng, (user for user in _people(world) if world.directory.people[user].enabled))
    if user is None:
        return None
    world.disable_person(user)
    return user, ""


def _enable(world: World, rng: Random) -> _Done:
    user = _pick(rng, (user for user in _people(world) if not world.directory.people[user].enabled))
    if user is None:
        return None
    world.enable_person(user)
    return user, ""


def _change_email(world: World, rng: Random) -> _Done:
    """Give a person a new address, none, or that of somebody else."""
    user = _pick(rng, _people(world))
    if user is None:
        return None
    another = world.directory.people[rng.choice(_people(world))].email
    email = rng.choice([f"{_fresh(rng)}@example.com", "", another])
    world.set_email(user, email)
    return user, email or "none"


def _change_visibility(world: World, rng: Random) -> _Done:
    site_id = _pick(rng, world.sites)
    if site_id is None:
        return None
    visibilities: tuple[Visibility, ...] = ("PUBLIC", "MODERATED", "PRIVATE")
    visibility = rng.choice([one for one in visibilities if one != world.sites[site_id].visibility])
    world.set_site_visibility(site_id, visibility)
    return site_id, visibility


_CHANGES: Mapping[str, Callable[[World, Random], _Done]] = {
    "content edited": _edit_content,
    "properties edited": _edit_properties,
    "file added": _add_file,
    "file renamed": lambda world, rng: _rename(_pick(rng, _files(world)), world, rng),
    "folder renamed": lambda world, rng: _rename(_pick(rng, _folders(world)), world, rng),
    "file moved": lambda world, rng: _move(_pick(rng, _files(world)), world, rng),
    "folder moved": lambda world, rng: _move(_pick(rng, _folders(world)), world, rng),
    "file deleted": lambda world, rng: _delete(_pick(rng, _files(world)), world),
    "folder deleted": lambda world, rng: _delete(_small_folder(world, rng), world),
    "deleted for good": lambda world, rng: _delete(_pick(rng, _files(world)), world, permanent=True),
    "restored": _restore,
    "purged": _purge,
    "permissions set high": lambda world, rng: _set_entries(_high_folder(world, rng), world, rng),
    "permissions set on a file": lambda world, rng: _set_entries(_pick(rng, _files(world)), world, rng),
    "inheritance cut": _cut_inheritance,
    "inheritance restored": _restore_inheritance,
    "owner changed": _change_owner,
    "membership joined": _join,
    "membership left": _leave,
    "person disabled": _disable,
    "person enabled": _enable,
    "e-mail changed": _change_email,
    "site visibility changed": _change_visibility,
    "aspect added": _add_aspect,
    "aspect removed": _remove_aspect,
    "comment added": _add_comment,
    "comment edited": _edit_comment,
    "comment removed": _remove_comment,
}
CHANGE_KINDS: tuple[str, ...] = tuple(_CHANGES)
"""The kinds of change, as `change` takes them."""

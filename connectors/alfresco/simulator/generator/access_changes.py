"""Changes to who may do what: permissions, owners, memberships, accounts and the visibility of sites."""

from __future__ import annotations

from random import Random

from connectors.alfresco.simulator.generator.candidates import Done, files, folders, fresh, groups, people, pick, places
from connectors.alfresco.simulator.generator.growth import random_entry
from connectors.alfresco.simulator.model import Node, Visibility
from connectors.alfresco.simulator.node_store import ADMIN
from connectors.alfresco.simulator.world import World


def set_entries(node: Node | None, world: World, rng: Random, *, inherit: bool | None = None) -> Done:
    """Give a node one to three new entries, and another inheritance switch if one is named."""
    if node is None:
        return None
    named = people(world), groups(world)
    entries = [random_entry(rng, *named) for _ in range(rng.randrange(1, 4))]
    inherits = node.inherits_permissions if inherit is None else inherit
    world.set_permissions(node, entries=entries, inherit=inherits)
    return node.id, f"{', '.join(map(str, entries))}; inherits: {inherits}"


def high_folder(world: World, rng: Random) -> Node | None:
    """Return a folder that has folders below it, be it a library."""
    return pick(
        rng,
        (folder for folder in places(world) if any(child.node_type == "cm:folder" for child in world.children(folder))),
    )


def cut_inheritance(world: World, rng: Random) -> Done:
    usable = [*folders(world), *files(world)]
    node = pick(rng, (node for node in usable if node.inherits_permissions))
    return set_entries(node, world, rng, inherit=False)


def restore_inheritance(world: World, rng: Random) -> Done:
    usable = [*folders(world), *files(world)]
    node = pick(rng, (node for node in usable if not node.inherits_permissions))
    if node is None:
        return None
    world.set_permissions(node, entries=node.entries, inherit=True)
    return node.id, ""


def change_owner(world: World, rng: Random) -> Done:
    file = pick(rng, files(world))
    if file is None:
        return None
    owner = rng.choice([*people(world), ""])
    world.set_owner(file, owner)
    return file.id, f"now {owner or 'nobody'}"


def join(world: World, rng: Random) -> Done:
    """Let a person, or sometimes a group, join a group that it is not in."""
    group_id = pick(rng, groups(world))
    if group_id is None:
        return None
    members, directory = world.directory.groups[group_id].members, world.directory
    candidates = people(world) if rng.random() < 0.7 else groups(world)
    above = directory.ancestors(group_id) | {group_id}
    member = pick(rng, (one for one in candidates if one not in members and one not in above))
    if member is None:
        return None
    world.join_group(member, group_id)
    return member, f"joined {group_id}"


def leave(world: World, rng: Random) -> Done:
    """End a membership of any group, those of sites among them, but not the administrator's."""
    found = pick(
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


def disable(world: World, rng: Random) -> Done:
    user = pick(rng, (user for user in people(world) if world.directory.people[user].enabled))
    if user is None:
        return None
    world.disable_person(user)
    return user, ""


def enable(world: World, rng: Random) -> Done:
    user = pick(rng, (user for user in people(world) if not world.directory.people[user].enabled))
    if user is None:
        return None
    world.enable_person(user)
    return user, ""


def change_email(world: World, rng: Random) -> Done:
    """Give a person a new address, none, or that of somebody else."""
    user = pick(rng, people(world))
    if user is None:
        return None
    another = world.directory.people[rng.choice(people(world))].email
    email = rng.choice([f"{fresh(rng)}@example.com", "", another])
    world.set_email(user, email)
    return user, email or "none"


def change_visibility(world: World, rng: Random) -> Done:
    site_id = pick(rng, world.sites)
    if site_id is None:
        return None
    visibilities: tuple[Visibility, ...] = ("PUBLIC", "MODERATED", "PRIVATE")
    visibility = rng.choice([one for one in visibilities if one != world.sites[site_id].visibility])
    world.set_site_visibility(site_id, visibility)
    return site_id, visibility

"""Changes to files and folders: contents, names, places, the trashcan, aspects and comments."""

from __future__ import annotations

from random import Random

from connectors.alfresco.simulator.generator.candidates import (
    Done,
    files,
    folders,
    fresh,
    is_small,
    people,
    pick,
    places,
)
from connectors.alfresco.simulator.generator.texts import MIME_TYPES, GeneratedContent, sentence, title
from connectors.alfresco.simulator.model import Comment, Node
from connectors.alfresco.simulator.world import World

_MARK = "awskendra:indexControl"  # the aspect by which crawlers are told what to take


def edit_content(world: World, rng: Random) -> Done:
    file = pick(rng, files(world))
    if file is None:
        return None
    number = fresh(rng)
    world.set_content(file, GeneratedContent(number, file.content.mime_type if file.content else "text/plain"))
    return file.id, f"content {number}"


def edit_properties(world: World, rng: Random) -> Done:
    file = pick(rng, files(world))
    if file is None:
        return None
    world.set_properties(file, {"cm:title": title(fresh(rng)), "gen:pages": rng.randrange(500)})
    return file.id, ""


def add_file(world: World, rng: Random) -> Done:
    folder = pick(rng, places(world))
    if folder is None:
        return None
    number, mime_type = fresh(rng), rng.choice(list(MIME_TYPES))
    name = f"new {number} {title(number)}.{MIME_TYPES[mime_type]}"
    file = world.add_file(folder, name, GeneratedContent(number, mime_type), creator=rng.choice(people(world)))
    return file.id, f"in {folder.name}"


def rename(node: Node | None, world: World, rng: Random) -> Done:
    if node is None:
        return None
    before = node.name
    _, dot, ending = before.rpartition(".") if node.content else ("", "", "")
    world.rename(node, f"renamed {fresh(rng)}{dot}{ending}")
    return node.id, f"was {before}"


def move(node: Node | None, world: World, rng: Random) -> Done:
    if node is None:
        return None
    below = {one.id for one in world.subtree(node)} if node.children else {node.id}
    target = pick(
        rng,
        (
            folder
            for folder in places(world)
            if folder.id not in below and node.name.casefold() not in folder.children and folder.id != node.parent_id
        ),
    )
    if target is None:
        return None
    world.move(node, target)
    return node.id, f"to {target.name}"


def delete(node: Node | None, world: World, *, permanent: bool = False) -> Done:
    if node is None:
        return None
    world.delete(node, permanent=permanent)
    return node.id, node.name


def small_folder(world: World, rng: Random) -> Node | None:
    return pick(rng, (folder for folder in folders(world) if is_small(world, folder)))


def restore(world: World, rng: Random) -> Done:
    """Bring back a tree whose folder is still there and has not given its name away."""
    tree = pick(
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


def purge(world: World, rng: Random) -> Done:
    node_id = pick(rng, world.trashcan)
    if node_id is None:
        return None
    world.purge(node_id)
    return node_id, ""


def add_aspect(world: World, rng: Random) -> Done:
    file = pick(rng, (file for file in files(world) if _MARK not in file.aspects))
    if file is None:
        return None
    world.add_aspect(file, _MARK)
    return file.id, _MARK


def remove_aspect(world: World, rng: Random) -> Done:
    file = pick(rng, (file for file in files(world) if _MARK in file.aspects))
    if file is None:
        return None
    world.remove_aspect(file, _MARK)
    return file.id, _MARK


def add_comment(world: World, rng: Random) -> Done:
    file = pick(rng, files(world))
    if file is None:
        return None
    world.add_comment(file, rng.choice(people(world)), f"<p>{sentence(rng)}</p>")
    return file.id, ""


def _commented(world: World, rng: Random) -> tuple[Node, Comment] | None:
    return pick(rng, ((file, comment) for file in files(world) for comment in file.comments))


def edit_comment(world: World, rng: Random) -> Done:
    found = _commented(world, rng)
    if found is None:
        return None
    file, comment = found
    world.edit_comment(comment, f"<p>{sentence(rng)} ({fresh(rng)})</p>")
    return file.id, comment.id


def remove_comment(world: World, rng: Random) -> Done:
    found = _commented(world, rng)
    if found is None:
        return None
    file, comment = found
    world.remove_comment(file, comment)
    return file.id, comment.id

"""One change after another to a repository, as people, administrators and accidents make them.

Everything is drawn from the caller's random source, so that a failing sequence can be repeated from its seed. Folders
of the installation, home folders, sites and their libraries stay; permissions change on all folders that people use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from connectors.alfresco.simulator.generator import access_changes, node_changes
from connectors.alfresco.simulator.generator.candidates import Done, files, folders, pick
from connectors.alfresco.simulator.world import World

_AGAINST_DELETION = ("file added", "file added", "restored")


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


_CHANGES: Mapping[str, Callable[[World, Random], Done]] = {
    "content edited": node_changes.edit_content,
    "properties edited": node_changes.edit_properties,
    "file added": node_changes.add_file,
    "file renamed": lambda world, rng: node_changes.rename(pick(rng, files(world)), world, rng),
    "folder renamed": lambda world, rng: node_changes.rename(pick(rng, folders(world)), world, rng),
    "file moved": lambda world, rng: node_changes.move(pick(rng, files(world)), world, rng),
    "folder moved": lambda world, rng: node_changes.move(pick(rng, folders(world)), world, rng),
    "file deleted": lambda world, rng: node_changes.delete(pick(rng, files(world)), world),
    "folder deleted": lambda world, rng: node_changes.delete(node_changes.small_folder(world, rng), world),
    "deleted for good": lambda world, rng: node_changes.delete(pick(rng, files(world)), world, permanent=True),
    "restored": node_changes.restore,
    "purged": node_changes.purge,
    "permissions set high": lambda world, rng: access_changes.set_entries(
        access_changes.high_folder(world, rng), world, rng
    ),
    "permissions set on a file": lambda world, rng: access_changes.set_entries(pick(rng, files(world)), world, rng),
    "inheritance cut": access_changes.cut_inheritance,
    "inheritance restored": access_changes.restore_inheritance,
    "owner changed": access_changes.change_owner,
    "membership joined": access_changes.join,
    "membership left": access_changes.leave,
    "person disabled": access_changes.disable,
    "person enabled": access_changes.enable,
    "e-mail changed": access_changes.change_email,
    "site visibility changed": access_changes.change_visibility,
    "aspect added": node_changes.add_aspect,
    "aspect removed": node_changes.remove_aspect,
    "comment added": node_changes.add_comment,
    "comment edited": node_changes.edit_comment,
    "comment removed": node_changes.remove_comment,
}
CHANGE_KINDS: tuple[str, ...] = tuple(_CHANGES)
"""The kinds of change, as `change` takes them."""

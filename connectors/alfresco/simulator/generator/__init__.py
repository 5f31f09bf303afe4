"""Worlds of any size from a seed: what real repositories hold, with every odd case that matters to permissions.

`generate_world` builds a repository of an exact number of nodes, `flat_world` one folder of many documents, and
`random_change` lets a repository live on. The same arguments give the same world, to the last byte and date.
"""

from connectors.alfresco.simulator.generator.changes import CHANGE_KINDS, Change, change, random_change
from connectors.alfresco.simulator.generator.texts import GeneratedContent
from connectors.alfresco.simulator.generator.worlds import (
    ARCHIVE,
    MINIMUM_NODES,
    WIDE_FOLDER,
    add_documents,
    flat_world,
    generate_world,
    wide_folder,
)

__all__ = [
    "ARCHIVE",
    "CHANGE_KINDS",
    "MINIMUM_NODES",
    "WIDE_FOLDER",
    "Change",
    "GeneratedContent",
    "add_documents",
    "change",
    "flat_world",
    "generate_world",
    "random_change",
    "wide_folder",
]

"""Share sites: their groups, their folder, and the permission entries of the three visibilities.

Source: SiteServiceImpl. The everyone group always holds ReadPermissions on the site folder; that is no right to read.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from connectors.alfresco.simulator.directory import Directory
from connectors.alfresco.simulator.model import EVERYONE, Node, Site, Visibility
from connectors.alfresco.simulator.node_store import Entry, NodeStore

SiteRole: TypeAlias = Literal["SiteManager", "SiteCollaborator", "SiteContributor", "SiteConsumer"]

ROLES: tuple[SiteRole, ...] = ("SiteManager", "SiteCollaborator", "SiteContributor", "SiteConsumer")  # strongest first
DOCUMENT_LIBRARY = "documentLibrary"

_ZONES = ("APP.SHARE", "AUTH.ALF")


def site_group(site_id: str) -> str:
    return f"GROUP_site_{site_id}"


def role_group(site_id: str, role: SiteRole) -> str:
    return f"GROUP_site_{site_id}_{role}"


def create_groups(directory: Directory, site_id: str, *, creator: str) -> None:
    """Add a site's group and the groups of its roles; the creator becomes a manager."""
    directory.add_group(site_group(site_id), zones=_ZONES)
    for role in ROLES:
        group = directory.add_group(role_group(site_id, role), zones=_ZONES)
        directory.join(group.id, site_group(site_id))
    directory.join(creator, role_group(site_id, "SiteManager"))


def create(
    store: NodeStore, above: Node, site_id: str, *, title: str, description: str, visibility: Visibility, creator: str
) -> Site:
    """Add a site's folder, without containers, to the folder of all sites."""
    properties = {"cm:title": title} | ({"cm:description": description} if description else {})
    folder = store.add_folder(
        above, site_id, node_type="st:site", creator=creator, aspects=["cm:titled"], properties=properties
    )
    site = Site(id=site_id, title=title, visibility=visibility, node_id=folder.id, description=description)
    store.set_permissions(folder, inherit=False, entries=_site_entries(site), by=creator)
    return site


def add_container(store: NodeStore, site: Site, name: str) -> Node:
    """Add a component's folder, such as the document library, to a site."""
    folder = store.add_folder(site.node_id, name, aspects=["st:siteContainer"], properties={"st:componentId": name})
    site.containers[name] = folder.id
    if site.visibility != "PUBLIC":
        store.set_permissions(folder, inherit=False, entries=_role_entries(site.id))
    return folder


def change_visibility(store: NodeStore, site: Site, visibility: Visibility) -> None:
    """Rewrite the permission entries of the site folder and its containers.

    A container that becomes public inherits again and keeps the entries that it had: they do no harm.
    """
    site.visibility = visibility
    store.set_permissions(site.node_id, inherit=False, entries=_site_entries(site))
    is_public = visibility == "PUBLIC"
    for container_id in site.containers.values():
        kept = store.node(container_id).entries
        entries = kept if is_public else [*kept, *_role_entries(site.id)]
        store.set_permissions(container_id, inherit=is_public, entries=entries)


def _role_entries(site_id: str) -> list[Entry]:
    return [(role_group(site_id, role), role) for role in ROLES]


def _site_entries(site: Site) -> list[Entry]:
    entries = _role_entries(site.id)
    if site.visibility != "PRIVATE":
        entries.append((EVERYONE, "SiteConsumer"))
    entries.append((EVERYONE, "ReadPermissions"))
    return entries

"""`GET /sites` and what is below it: containers, members and group members.

A site whose folder the caller may not read does not exist for them: 404, never 403.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.responses import Response

from connectors.alfresco.simulator.call import Call
from connectors.alfresco.simulator.model import Person, Site
from connectors.alfresco.simulator.routes.people import person_bean
from connectors.alfresco.simulator.sites import ROLES, SiteRole, role_group
from connectors.alfresco.simulator.wire import Bean, entity_not_found, relationship_not_found


def list_sites(call: Call) -> Response:
    """List the sites that the caller may see, by title unless ordered otherwise."""
    call.where.allow({"visibility", "preset"})
    visibility, preset = call.where.text("visibility"), call.where.text("preset")
    visible = [
        site
        for site in list(call.world.sites.values())
        if _is_visible(call, site) and visibility in {None, site.visibility} and preset in {None, site.preset}
    ]
    keys = {
        "id": lambda site: site.id.casefold(),
        "title": lambda site: site.title.casefold(),
        "description": lambda site: site.description.casefold(),
    }
    ordered = call.sort(visible, keys, default="title", tie=lambda site: site.id)
    return call.page(ordered, lambda site: _site_bean(call, site))


def get_site(call: Call) -> Response:
    return call.entry(_site_bean(call, _requested_site(call)))


def list_containers(call: Call) -> Response:
    """List the component folders that the caller may read."""
    site = _requested_site(call)
    readable = [
        (name, node_id) for name, node_id in list(site.containers.items()) if call.world.may_read(call.user, node_id)
    ]
    return call.page(sorted(readable), lambda container: _container_bean(*container))


def get_container(call: Call) -> Response:
    """Return a component folder by its name or node id."""
    site, wanted = _requested_site(call), call.path_parameters["container_id"]
    for name, node_id in site.containers.items():
        if wanted in {name, node_id} and call.world.may_read(call.user, node_id):
            return call.entry(_container_bean(name, node_id))
    raise relationship_not_found(site.id, wanted)


@dataclass(frozen=True, slots=True)
class _Membership:
    person: Person
    role: SiteRole
    is_member_of_group: bool


def list_members(call: Call) -> Response:
    """List the people of a site, those who are in it through a group too."""
    site = _requested_site(call)
    call.where.allow({"isMemberOfGroup"})
    through_group = call.where.flag("isMemberOfGroup")
    members = [one for one in _memberships(call, site) if through_group in {None, one.is_member_of_group}]
    return call.page(members, _membership_bean)


def get_member(call: Call) -> Response:
    site, wanted = _requested_site(call), call.path_parameters["person_id"]
    user = call.user if wanted == "-me-" else wanted
    for membership in _memberships(call, site):
        if membership.person.id == user:
            return call.entry(_membership_bean(membership))
    raise relationship_not_found(site.id, wanted)


def list_group_members(call: Call) -> Response:
    """List the groups that were given a role in the site."""
    site, directory = _requested_site(call), call.world.directory
    groups: list[tuple[str, SiteRole]] = [
        (member, role)
        for role in ROLES
        for member in list(directory.groups[role_group(site.id, role)].members)
        if member in directory.groups
    ]
    return call.page(sorted(groups), lambda member: _group_member_bean(call, *member))


def _memberships(call: Call, site: Site) -> Iterator[_Membership]:
    """Yield each member once, by id, with the strongest role they hold."""
    directory = call.world.directory
    found: dict[str, _Membership] = {}
    for role in ROLES:
        group = directory.groups[role_group(site.id, role)]
        for person in directory.people_below(group.id):
            found.setdefault(person.id, _Membership(person, role, person.id not in group.members))
    yield from (found[user] for user in sorted(found))


def _requested_site(call: Call) -> Site:
    site_id = call.path_parameters["site_id"]
    site = call.world.sites.get(site_id)
    if site is None or not _is_visible(call, site):
        raise entity_not_found(site_id)
    return site


def _is_visible(call: Call, site: Site) -> bool:
    return call.world.may_read(call.user, site.node_id)


def _role_of(call: Call, site: Site) -> SiteRole | None:
    authorities = call.world.directory.authorities(call.user)
    return next((role for role in ROLES if role_group(site.id, role) in authorities), None)


def _site_bean(call: Call, site: Site) -> Bean:
    return Bean(
        id=site.id,
        guid=site.node_id,
        title=site.title,
        description=site.description,
        visibility=site.visibility,
        preset=site.preset,
        role=_role_of(call, site),
    )


def _container_bean(name: str, node_id: str) -> Bean:
    """Render a container as the API does: `id` is the node, `folderId` its name."""
    return Bean(id=node_id, folderId=name)


def _membership_bean(membership: _Membership) -> Bean:
    person = membership.person
    return Bean(
        id=person.id,
        person=person_bean(person),
        role=membership.role,
        isMemberOfGroup=membership.is_member_of_group,
    )


def _group_member_bean(call: Call, group_id: str, role: SiteRole) -> Bean:
    group = Bean(id=group_id, displayName=call.world.directory.display_name(group_id), memberType="GROUP")
    return Bean(id=group_id, group=group, role=role)

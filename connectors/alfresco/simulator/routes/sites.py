"""`GET /sites` and what is below it: containers, members and group members.

A site whose folder the caller may not read does not exist for them: 404, never 403. Source: SitesImpl,
SiteServiceImpl.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.responses import Response

from connectors.alfresco.simulator.call import Call
from connectors.alfresco.simulator.model import Person, Site
from connectors.alfresco.simulator.routes.groups import group_bean
from connectors.alfresco.simulator.routes.people import full_person_bean, requested_person
from connectors.alfresco.simulator.sites import ROLES, SiteRole, role_group
from connectors.alfresco.simulator.wire import (
    ApiError,
    Bean,
    entity_not_found,
    invalid_argument,
    relationship_not_found,
)

_VISIBILITIES = frozenset({"PUBLIC", "PRIVATE", "MODERATED"})


def list_sites(call: Call) -> Response:
    """List the sites that the caller may see, by title unless ordered otherwise."""
    call.where.allow({"visibility", "preset"})
    visibility, preset = call.where.text("visibility"), call.where.text("preset")
    if visibility and visibility not in _VISIBILITIES:
        raise invalid_argument("Site visibility is invalid (expected eg. PUBLIC, PRIVATE, MODERATED)")
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
    """Return a component folder by its name."""
    site, wanted = _visible_site(call), call.path_parameters["container_id"]
    if site is None:
        raise relationship_not_found(call.path_parameters["site_id"], wanted)
    for name, node_id in site.containers.items():
        if wanted.casefold() == name.casefold() and call.world.may_read(call.user, node_id):
            return call.entry(_container_bean(name, node_id))
    raise relationship_not_found(site.id, wanted)


@dataclass(frozen=True, slots=True)
class _Membership:
    person: Person
    role: SiteRole
    is_member_of_group: bool


def list_members(call: Call) -> Response:
    """List the people of a site: each once for every role they hold, those who are in it through a group too.

    `isMemberOfGroup` is about whether groups are looked into: false leaves direct members, true leaves all.
    """
    site = _requested_site(call)
    call.where.allow({"isMemberOfGroup"})
    looks_into_groups = call.where.flag("isMemberOfGroup") is not False
    members = [one for one in _memberships(call, site) if looks_into_groups or not one.is_member_of_group]
    members.sort(key=_by_name_and_role)
    return call.page(members, lambda one: _membership_bean(call, one))


def get_member(call: Call) -> Response:
    """Return a person with the strongest role they hold; how they came to it is not told."""
    person, site = requested_person(call), _visible_site(call)
    role = next((one.role for one in _memberships(call, site) if one.person is person), None) if site else None
    if role is None:
        raise relationship_not_found(person.id, call.path_parameters["site_id"])
    return call.entry(_membership_bean(call, _Membership(person, role, is_member_of_group=False)))


def list_group_members(call: Call) -> Response:
    """List the groups that were given a role in the site."""
    site, directory = _visible_site(call), call.world.directory
    if site is None:  # the one resource that does not look whether there is such a site
        site_id = call.path_parameters["site_id"]
        raise ApiError(422, "site_service.site_no_exist", f"Site {site_id} does not exist.")
    groups: list[tuple[str, SiteRole]] = [
        (member, role)
        for role in ROLES
        for member in list(directory.groups[role_group(site.id, role)].members)
        if member in directory.groups
    ]
    return call.page(sorted(groups), lambda member: _group_member_bean(call, *member))


def _memberships(call: Call, site: Site) -> Iterator[_Membership]:
    """Yield who holds which role, strongest roles first; who holds one twice holds it directly."""
    directory = call.world.directory
    seen_groups: set[str] = set()
    for role in ROLES:
        members = list(directory.groups[role_group(site.id, role)].members)
        people = {member: directory.people[member] for member in members if member in directory.people}
        yield from (_Membership(person, role, is_member_of_group=False) for person in people.values())
        groups = [member for member in members if member in directory.groups and member not in seen_groups]
        seen_groups.update(groups)
        below = {person.id: person for group_id in groups for person in directory.people_below(group_id)}
        yield from (
            _Membership(person, role, is_member_of_group=True) for user, person in below.items() if user not in people
        )


def _by_name_and_role(one: _Membership) -> tuple[str, str, str, str]:
    return one.person.last_name.casefold(), one.person.first_name.casefold(), one.role, one.person.id.casefold()


def _requested_site(call: Call) -> Site:
    site = _visible_site(call)
    if site is None:
        raise entity_not_found(call.path_parameters["site_id"])
    return site


def _visible_site(call: Call) -> Site | None:
    """Return the site that the path names, in whatever case, unless it is hidden from the caller."""
    site_id, sites = call.path_parameters["site_id"], call.world.sites
    folded = site_id.casefold()
    site = sites.get(site_id) or next((one for one in list(sites.values()) if one.id.casefold() == folded), None)
    return site if site is not None and _is_visible(call, site) else None


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


def _membership_bean(call: Call, membership: _Membership) -> Bean:
    person = membership.person
    return Bean(
        id=person.id,
        person=full_person_bean(call, person),
        role=membership.role,
        isMemberOfGroup=membership.is_member_of_group,
    )


def _group_member_bean(call: Call, group_id: str, role: SiteRole) -> Bean:
    """Render a group as any single group is, which is not what the OpenAPI files say."""
    return Bean(id=group_id, group=group_bean(call, call.world.directory.groups[group_id]), role=role)

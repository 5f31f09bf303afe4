"""`GET /groups`, `/groups/{id}` and `/groups/{id}/members`. Source: GroupsImpl."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.responses import Response

from connectors.alfresco.simulator.call import Call
from connectors.alfresco.simulator.model import EVERYONE, Group
from connectors.alfresco.simulator.wire import Bean, entity_not_found, invalid_argument, unsupported_operation

_WHERE_NAMES = frozenset({"isRoot", "zones", "displayName"})


def everyone() -> Group:
    """Return the group that is shown as one of a person's groups but never listed."""
    return Group(id=EVERYONE, display_name="EVERYONE", zones=())


def list_groups(call: Call) -> Response:
    """List the groups of all zones; asking for descriptions silently leaves root groups, whatever `isRoot` says."""
    groups = list(call.world.directory.groups.values())
    if "description" in call.include:
        return answer_with_groups(call, [group for group in groups if _is_root(call, group)], heeds_is_root=False)
    return answer_with_groups(call, groups)


def get_group(call: Call) -> Response:
    return call.entry(group_bean(call, _requested_group(call)))


def answer_with_groups(call: Call, groups: Iterable[Group], *, heeds_is_root: bool = True) -> Response:
    """Filter by `where`, sort and page a list of groups."""
    call.where.allow(_WHERE_NAMES)
    is_root, zone = call.where.flag("isRoot") if heeds_is_root else None, call.where.only_text("zones")
    display_name = call.where.only_text("displayName")
    wanted = [
        group
        for group in groups
        if (is_root is None or is_root == _is_root(call, group))
        and (zone is None or zone in group.zones)
        and (display_name is None or display_name.casefold() == group.display_name.casefold())
    ]
    keys = {"id": lambda group: group.id, "displayName": lambda group: group.display_name.casefold()}
    _refuse_several_orders(call)
    ordered = call.sort(wanted, keys, default="displayName", tie=lambda group: group.id)
    return call.page(ordered, lambda group: group_bean(call, group))


def _refuse_several_orders(call: Call) -> None:
    if len(call.order_by()) > 1:
        raise invalid_argument("Multiple sort fields not allowed.")


@dataclass(frozen=True, slots=True)
class _Member:
    id: str
    display_name: str
    member_type: str


def list_members(call: Call) -> Response:
    """List a group's direct members."""
    group = _requested_group(call)
    if group.id == EVERYONE:
        raise unsupported_operation()
    call.where.allow({"memberType"})
    member_type = call.where.text("memberType")
    if member_type not in {None, "PERSON", "GROUP"}:
        raise invalid_argument(f"MemberType is invalid (expected eg. GROUP, PERSON): {member_type}")
    directory = call.world.directory
    members = [
        _Member(member, directory.display_name(member), "PERSON" if member in directory.people else "GROUP")
        for member in list(group.members)
    ]
    wanted = [member for member in members if member_type in {None, member.member_type}]
    keys = {"id": lambda member: member.id, "displayName": lambda member: member.display_name.casefold()}
    _refuse_several_orders(call)
    ordered = call.sort(wanted, keys, default="displayName", tie=lambda member: member.id)
    return call.page(ordered, _member_bean)


def _member_bean(member: _Member) -> Bean:
    return Bean(id=member.id, displayName=member.display_name, memberType=member.member_type)


def _requested_group(call: Call) -> Group:
    group_id = call.path_parameters["group_id"]
    group = everyone() if group_id == EVERYONE else call.world.directory.groups.get(group_id)
    if group is None:
        raise entity_not_found(group_id)
    return group


def _is_root(call: Call, group: Group) -> bool:
    """Return whether the group is in no other; the group of everyone is not among the stored ones, and so no root."""
    return group.id != EVERYONE and not call.world.directory.parents(group.id)


def group_bean(call: Call, group: Group) -> Bean:
    include, directory = call.include, call.world.directory
    has_subgroups = any(member in directory.groups for member in list(group.members))
    return Bean(
        id=group.id,
        displayName=group.display_name,
        description=group.description if "description" in include else None,
        isRoot=_is_root(call, group),
        hasSubgroups=has_subgroups if "hasSubgroups" in include else None,
        parentIds=directory.parents(group.id) if "parentIds" in include else None,
        zones=list(group.zones) if "zones" in include else None,
    )

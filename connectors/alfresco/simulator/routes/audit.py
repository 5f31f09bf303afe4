"""`GET /audit-applications`, `/{id}`, `/{id}/audit-entries` and `/{entry}`; `PUT /audit-applications/{id}`.

For administrators only. Without `where` all entries are listed, oldest first. A range whose end lies before its start
is refused, as is one that is not of numbers or dates.

Source: AuditImpl.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from starlette.responses import Response

from connectors.alfresco.simulator.audit import CHANGE_LOG, AuditEntry, AuditTrail
from connectors.alfresco.simulator.call import Call
from connectors.alfresco.simulator.where import Conditions
from connectors.alfresco.simulator.wire import (
    ApiError,
    Bean,
    entity_not_found,
    invalid_argument,
    permission_denied,
    timestamp,
)

T = TypeVar("T", int, datetime)

_WHERE_NAMES = frozenset({"id", "createdAt", "createdByUser", "valuesKey", "valuesValue"})


def list_applications(call: Call) -> Response:
    trail = _trail(call)
    return call.page([trail], _application_bean)


def get_application(call: Call) -> Response:
    trail = _requested_trail(call)
    bean = _application_bean(trail)
    ids = [entry.id for entry in trail]
    if "min" in call.include and ids:
        bean["minEntryId"] = ids[0]
    if "max" in call.include and ids:
        bean["maxEntryId"] = ids[-1]
    return call.entry(bean)


def update_application(call: Call) -> Response:
    """Enable or disable the application."""
    trail = _requested_trail(call)
    try:
        is_enabled = json.loads(call.body).get("isEnabled", False)
    except (ValueError, AttributeError):
        raise invalid_argument("Could not read content from HTTP request body") from None
    trail.records_changes = bool(is_enabled)
    return call.entry(_application_bean(trail))


def list_entries(call: Call) -> Response:
    """List the entries that `where` asks for."""
    trail = _requested_trail(call)
    wanted = _filter(call)
    entries = [entry for entry in trail if wanted(entry)]
    if _is_newest_first(call):
        entries.reverse()
    shows_values = "values" in call.include
    return call.page(
        entries,
        lambda entry: _entry_bean(call, entry, shows_values=shows_values),
        shows_total=not call.flag("omitTotalItems"),
    )


def get_entry(call: Call) -> Response:
    trail = _requested_trail(call)
    entry_id = call.path_parameters["entry_id"]
    entry = next((entry for entry in trail if str(entry.id) == entry_id), None)
    if entry is None:
        raise entity_not_found(entry_id)
    return call.entry(_entry_bean(call, entry, shows_values=True))


def _trail(call: Call) -> AuditTrail:
    if not call.is_admin:
        raise permission_denied()
    if not call.world.audit_enabled:
        raise ApiError(501, "framework.exception.DisabledService", "Audit is disabled system-wide")
    return call.world.audit


def _requested_trail(call: Call) -> AuditTrail:
    trail, application_id = _trail(call), call.path_parameters["application_id"]
    if application_id != CHANGE_LOG:
        raise entity_not_found(application_id)
    return trail


def _filter(call: Call) -> Callable[[AuditEntry], bool]:
    where = call.where
    where.allow(_WHERE_NAMES)
    has_id, has_date = _range(where, "id", _number), _range(where, "createdAt", _date)
    user, key, value = where.text("createdByUser"), where.text("valuesKey"), where.text("valuesValue")
    user = call.user if user == "-me-" else user

    def wanted(entry: AuditEntry) -> bool:
        return (
            has_id(entry.id)
            and has_date(entry.created_at)
            and user in {None, entry.user}
            and (key is None or value is None or (key, value) == (entry.value_key, entry.node_id))
        )

    return wanted


def _range(where: Conditions, name: str, read: Callable[[str], T]) -> Callable[[T], bool]:
    """Return the test for a range whose bounds both belong to it; none allows everything."""
    bounds = where.between(name)
    if bounds is None:
        return lambda _: True
    first, last = read(bounds[0]), read(bounds[1])
    if first > last:
        raise invalid_argument(f"where BETWEEN is invalid - range start greater than end ({CHANGE_LOG})")
    return lambda value: first <= value <= last


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise invalid_argument(f'For input string: "{text}"') from None


def _date(text: str) -> datetime:
    """Read an ISO date; a blank stands for the plus sign that a careless client left unquoted."""
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise invalid_argument(f"Failed to parse date {text}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_newest_first(call: Call) -> bool:
    order = call.order_by()
    if len(order) > 1:
        raise invalid_argument("Multiple sort fields not allowed.")
    if order and order[0][0] != "createdAt":
        raise invalid_argument(f"Invalid sort field: {order[0][0]}")
    return bool(order) and order[0][1]


def _application_bean(trail: AuditTrail) -> Bean:
    return Bean(id=CHANGE_LOG, name=CHANGE_LOG, isEnabled=trail.records_changes)


def _entry_bean(call: Call, entry: AuditEntry, *, shows_values: bool) -> Bean:
    values = {entry.value_key: {"nodeRef": entry.node_id, "objectId": entry.object_id}}
    return Bean(
        id=entry.id,
        auditApplicationId=CHANGE_LOG,
        createdByUser=Bean(id=entry.user, displayName=call.world.directory.display_name(entry.user)),
        createdAt=timestamp(entry.created_at),
        values=values if shows_values else None,
    )

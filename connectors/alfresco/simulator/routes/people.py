"""`GET /people`, `/people/{id}` and `/people/{id}/groups`."""

from __future__ import annotations

from starlette.responses import Response

from connectors.alfresco.simulator.call import Call
from connectors.alfresco.simulator.model import EVERYONE, GUEST, Person
from connectors.alfresco.simulator.routes.groups import answer_with_groups, everyone
from connectors.alfresco.simulator.wire import Bean, entity_not_found, permission_denied


def list_people(call: Call) -> Response:
    """List all people, closed accounts and the guest among them; every user may."""
    people = call.sort(
        call.world.directory.people.values(),
        {
            "id": lambda person: person.id.casefold(),
            "firstName": lambda person: person.first_name.casefold(),
            "lastName": lambda person: person.last_name.casefold(),
        },
        default="id",
        tie=lambda person: person.id,
    )
    return call.page(people, lambda person: _listed(call, person))


def get_person(call: Call) -> Response:
    return call.entry(full_person_bean(call, requested_person(call)))


def list_person_groups(call: Call) -> Response:
    """List all groups of a person, nested ones and GROUP_EVERYONE too; those of others only for administrators."""
    person = requested_person(call)
    if person.id != call.user and not call.is_admin:
        raise permission_denied()
    directory = call.world.directory
    groups = [directory.groups[group_id] for group_id in directory.ancestors(person.id)]
    if EVERYONE in directory.authorities(person.id):
        groups.append(everyone())
    return answer_with_groups(call, groups)


def person_bean(person: Person) -> Bean:
    """Render what every list shows of a person; an account without e-mail address has no such field."""
    return Bean(
        id=person.id,
        firstName=person.first_name,
        lastName=person.last_name,
        displayName=person.display_name,
        email=person.email,
        jobTitle=person.job_title,
        company=Bean(),
        enabled=person.enabled,
        emailNotificationsEnabled=True,
    )


def full_person_bean(call: Call, person: Person) -> Bean:
    """Render what an answer about one person shows, also where it stands inside another."""
    bean = person_bean(person)
    bean["capabilities"] = _capabilities(call, person)
    return bean


def _listed(call: Call, person: Person) -> Bean:
    bean = person_bean(person)
    if "capabilities" in call.include:
        bean["capabilities"] = _capabilities(call, person)
    if "aspectNames" in call.include:
        bean["aspectNames"] = ["cm:ownable"]
    return bean


def _capabilities(call: Call, person: Person) -> Bean:
    return Bean(isAdmin=call.world.directory.is_admin(person.id), isGuest=person.id == GUEST, isMutable=True)


def requested_person(call: Call) -> Person:
    """Return the person that the path names, in whatever case, or the caller for `-me-`."""
    name = call.path_parameters["person_id"]
    person = call.world.directory.find_login(call.user if name == "-me-" else name)
    if person is None:
        raise entity_not_found(name)
    return person

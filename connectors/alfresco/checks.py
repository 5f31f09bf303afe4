"""What `sightline check` says of an Alfresco source: can we sign in, see the scope, read permissions and people there?

Every line names what to change. Nothing is raised: a fault of the server or of a setting is a failed line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence

import httpx

from connectors.alfresco.config import AlfrescoConfig
from connectors.alfresco.identity import EVERYONE
from connectors.alfresco.lanes.lane import Lane
from connectors.alfresco.mapping import person
from connectors.alfresco.scope.protected import ProtectedKind, modules_with_own_rules
from connectors.alfresco.scope.resolving import resolve_scope
from connectors.alfresco.scope.rules import told
from connectors.alfresco.wire.auth_config import OAuth2Auth
from connectors.alfresco.wire.client import AlfrescoClient
from connectors.alfresco.wire.records import Node, Repository
from vocabulary.access import Person
from vocabulary.errors import SightlineError
from vocabulary.ports import CheckResult

_OWN_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_PEOPLE_LOOKED_AT = 1000  # a sample: ten requests at the default page size


async def check_source(client: AlfrescoClient, config: AlfrescoConfig, lanes: Sequence[Lane]) -> Sequence[CheckResult]:
    """Look at sign-in, server, scope, rights and lanes, in this order; without sign-in the rest is not tried."""
    try:
        account = await client.me()
    except SightlineError as fault:
        return [CheckResult("sign-in", passed=False, message=str(fault))]
    kind = "an administrator" if account.capabilities.is_admin else "not an administrator"
    message = f"signed in as {account.id}, {kind}, {client.describe_sign_in()}"
    signed_in = CheckResult("sign-in", passed=True, message=message)
    return [
        signed_in,
        *_in_the_clear(config),
        *await _check_server(client, config),
        *await _check_scope(client, config),
        *await _check_identities(client),
        *[await lane.check() for lane in lanes],
    ]


def _in_the_clear(config: AlfrescoConfig) -> list[CheckResult]:
    """Point out addresses to which secrets travel unencrypted, except on this machine itself."""
    addresses = {"url": config.url}
    if isinstance(config.auth, OAuth2Auth):
        addresses["auth.token_url"] = config.auth.token_url
    return [
        CheckResult("encryption", passed=True, message=f"`{setting}` is plain http: secrets travel unencrypted")
        for setting, address in addresses.items()
        if (parts := httpx.URL(address)).scheme == "http" and parts.host not in _OWN_HOSTS
    ]


async def _check_server(client: AlfrescoClient, config: AlfrescoConfig) -> list[CheckResult]:
    try:
        repository = await client.discover()
    except SightlineError as fault:  # a server may do without its discovery service; a crawl does
        message = f"edition and modules are unknown, the discovery service does not answer ({fault})"
        return [CheckResult("server", passed=True, message=message)]
    found = CheckResult("server", passed=True, message=f"Alfresco {repository.edition} {repository.version}")
    return [found, *_own_rules(repository, config)]


def _own_rules(repository: Repository, config: AlfrescoConfig) -> list[CheckResult]:
    """Point out modules with rules of access that the API does not show, and what becomes of their nodes."""
    modules = modules_with_own_rules(repository.modules)
    lines = [f"{module.id} has rules of access over {what} that the API does not show" for module, what in modules]
    if modules or config.admitted_kinds:
        lines += [_fate(kind, is_admitted=kind in config.admitted_kinds) for kind in ProtectedKind]
    return [CheckResult("hidden rules", passed=True, message="; ".join(lines))] if lines else []


def _fate(kind: ProtectedKind, *, is_admitted: bool) -> str:
    if is_admitted:
        return f"{kind}: INCLUDED as set, so that readers may find what the server hides from them"
    return f"{kind}: left out of the index"


async def _check_scope(client: AlfrescoClient, config: AlfrescoConfig) -> list[CheckResult]:
    try:
        roots = (await resolve_scope(client, config)).roots
    except SightlineError as fault:
        return [CheckResult("scope", passed=False, message=str(fault))]
    if not roots:
        message = "no site of the scope has a document library yet; nothing will be indexed"
        return [CheckResult("scope", passed=True, message=message)]
    found = CheckResult("scope", passed=True, message=f"{len(roots)} folder tree(s) to walk")
    return [found, _check_permissions(roots), *_told_rules(config)]


def _told_rules(config: AlfrescoConfig) -> list[CheckResult]:
    """The rules with the names under which runs count what they leave out."""
    lists = (("exclude", config.exclude), ("include", config.include))
    return [
        CheckResult(f"{key}.{position}", passed=True, message=told(rule))
        for key, rules in lists
        for position, rule in enumerate(rules)
    ]


def _check_permissions(roots: Sequence[Node]) -> CheckResult:
    unreadable = [node for node in roots if node.permissions is None]
    if not unreadable:
        return CheckResult("permissions", passed=True, message="the account may read permissions")
    names = ", ".join(f"{node.path.name if node.path else ''}/{node.name}" for node in unreadable[:3])
    message = (
        f"the account may not read permissions at {names} ({len(unreadable)} of {len(roots)}): all below would be "
        "hidden; make it an administrator, or grant it a role with ReadPermissions (Contributor, SiteConsumer) there"
    )
    return CheckResult("permissions", passed=False, message=message)


async def _check_identities(client: AlfrescoClient) -> list[CheckResult]:
    try:
        people = [person async for person in _some_people(client) if not person.is_guest]
        await _read_members(client)
    except SightlineError as fault:
        message = f"the account may not read people and groups, so nobody would find anything ({fault})"
        return [CheckResult("people and groups", passed=False, message=message)]
    return [CheckResult("people and groups", passed=True, message=_told_people(people))]


async def _some_people(client: AlfrescoClient) -> AsyncIterator[Person]:
    count = 0
    async for record in client.people():
        yield person(record, source="")
        count += 1
        if count == _PEOPLE_LOOKED_AT:
            return


async def _read_members(client: AlfrescoClient) -> None:
    """Read the members of one group, as a sync does of all."""
    async for group in client.groups():
        if group.id != EVERYONE:
            async for _ in client.group_members(group.id):
                break
            return


def _told_people(people: Sequence[Person]) -> str:
    """What of people's addresses and accounts keeps them from being found as readers."""
    addresses = Counter(each.email.casefold() for each in people if each.email)
    shared = sum(count for count in addresses.values() if count > 1)
    odd = {
        "without an e-mail address, found by user name only": sum(not each.email for each in people),
        "sharing an address, found by user name only": shared,
        "disabled, shut out": sum(not each.enabled for each in people),
    }
    known = f"{len(people)} people looked at"
    return ", ".join([known, *(f"{count} {what}" for what, count in odd.items() if count)])

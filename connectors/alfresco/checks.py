"""What `sightline check` says of an Alfresco source: can we sign in, see the scope, and read permissions there?

Every line names what to change. Nothing is raised: a fault of the server or of a setting is a failed line.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.alfresco.client import AlfrescoClient
from connectors.alfresco.config import AlfrescoConfig
from connectors.alfresco.records import Node, Repository
from connectors.alfresco.rules import told
from connectors.alfresco.scope import resolve_scope
from vocabulary.errors import SightlineError
from vocabulary.ports import CheckResult

_RECORDS_MANAGEMENT = ("rm", "records", "governance", "ags")


async def check_source(client: AlfrescoClient, config: AlfrescoConfig) -> Sequence[CheckResult]:
    """Look at sign-in, server, scope and rights, in this order; without sign-in the rest is not tried."""
    try:
        account = await client.me()
    except SightlineError as fault:
        return [CheckResult("sign-in", passed=False, message=str(fault))]
    kind = "an administrator" if account.capabilities.is_admin else "not an administrator"
    signed_in = CheckResult("sign-in", passed=True, message=f"signed in as {account.id}, {kind}")
    return [signed_in, *await _check_server(client), *await _check_scope(client, config)]


async def _check_server(client: AlfrescoClient) -> list[CheckResult]:
    try:
        repository = await client.discover()
    except SightlineError as fault:  # a server may do without its discovery service; a crawl does
        message = f"edition and modules are unknown, the discovery service does not answer ({fault})"
        return [CheckResult("server", passed=True, message=message)]
    found = CheckResult("server", passed=True, message=f"Alfresco {repository.edition} {repository.version}")
    return [found, *_records_management(repository)]


def _records_management(repository: Repository) -> list[CheckResult]:
    modules = [module for module in repository.modules if _manages_records(module.id.lower())]
    if not modules:
        return []
    names = ", ".join(module.id for module in modules)
    message = f"{names}: records have rules of access that the API does not show, so they are left out of the index"
    return [CheckResult("records management", passed=True, message=message)]


def _manages_records(module_id: str) -> bool:
    words = set(module_id.replace("-", "_").replace(".", "_").split("_"))
    return not words.isdisjoint(_RECORDS_MANAGEMENT)


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

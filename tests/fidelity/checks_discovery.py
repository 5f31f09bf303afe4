"""The repository's description and its probes."""

from __future__ import annotations

from uuid import UUID

from checks import check
from foreign_client import Connect, not_found
from office import Office


@check()
def the_repository_describes_itself(office: Office, connect: Connect) -> None:
    repository = connect.basic("alice").call("discovery.getRepositoryInformation")["entry"]["repository"]
    assert UUID(repository["id"])
    assert repository["edition"] == office.world.edition
    version = repository["version"]
    assert version["display"] == (
        f"{version['major']}.{version['minor']}.{version['patch']}.{version['hotfix']} ({version['label']})"
    )
    assert isinstance(version["schema"], int)
    assert repository["status"] == {
        "isReadOnly": False,
        "isAuditEnabled": True,
        "isQuickShareEnabled": True,
        "isThumbnailGenerationEnabled": True,
        "isDirectAccessUrlEnabled": False,
    }


@check()
def what_is_switched_off_is_said_to_be(office: Office, connect: Connect) -> None:
    office.world.audit_enabled = office.world.renditions_enabled = False
    status = connect.basic("alice").call("discovery.getRepositoryInformation")["entry"]["repository"]["status"]
    assert (status["isAuditEnabled"], status["isThumbnailGenerationEnabled"]) == (False, False)


@check()
def modules_are_named(office: Office, connect: Connect) -> None:
    repository = connect.basic("alice").call("discovery.getRepositoryInformation")["entry"]["repository"]
    assert repository["modules"] == [
        {"id": "org_alfresco_module_rm", "title": "AGS Repo", "version": "23.4.0", "installState": "INSTALLED"}
    ]


@check()
def probes_need_no_login(office: Office, connect: Connect) -> None:
    for probe in ("-ready-", "-live-"):
        assert "Success" in connect.nobody().call("probes.getProbe", probe)["entry"]["message"]
    with not_found("-other-"):
        connect.nobody().call("probes.getProbe", "-other-")

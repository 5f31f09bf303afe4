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
    assert repository["status"]["isReadOnly"] is False


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

"""How an Alfresco crawl behaves when the repository is odd, changes under it, or refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import respx
from pydantic import SecretStr

from connectors.alfresco import AlfrescoConfig, AlfrescoConnector
from connectors.alfresco.simulator import World, served_world
from vocabulary.access import Acl, Membership, Person, Principal
from vocabulary.documents import Change, Checkpoint, Document, DocumentId, Skipped, Upsert
from vocabulary.errors import ContentGone, CredentialsRejected, ScopeMissing

SOURCE = "onprem"


@pytest.fixture
def world() -> World:
    return World(name="unit")


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with served_world(world) as base_url:
        yield base_url


@asynccontextmanager
async def connected(url: str, *, user: str = "admin", **settings: Any) -> AsyncIterator[AlfrescoConnector]:
    auth = {"kind": "basic", "username": user, "password": SecretStr(user)}
    config = AlfrescoConfig.model_validate({"url": url, "auth": auth, **(settings or {"folders": ["Shared"]})})
    async with AlfrescoConnector(SOURCE, config) as connector:
        yield connector


async def crawl(url: str, **settings: Any) -> list[Change]:
    async with connected(url, **settings) as connector:
        return [change async for change in connector.crawl(None)]


def documents(changes: list[Change]) -> list[Document]:
    return [change.document for change in changes if isinstance(change, Upsert)]


def titles(changes: list[Change]) -> set[str]:
    return {document.title for document in documents(changes)}


def reasons(changes: list[Change]) -> list[str]:
    return sorted(change.reason for change in changes if isinstance(change, Skipped))


# -- scope -------------------------------------------------------------------------------------------------------------


async def test_folders_are_named_by_path_or_by_id(world: World, url: str) -> None:
    folder = world.add_folder(world.add_folder(world.shared, "Ünïcode & more"), "50% #1+&")
    world.add_file(folder, "a.txt", b"a")
    names = ["/Company Home/Shared/Ünïcode & more/50% #1+&", "Shared/Ünïcode & more/50% #1+&", folder.id]
    for name in [*names, f"workspace://SpacesStore/{folder.id}"]:
        assert titles(await crawl(url, folders=[name])) == {"a.txt"}


async def test_a_folder_inside_another_is_walked_once(world: World, url: str) -> None:
    inner = world.add_folder(world.shared, "inner")
    world.add_file(inner, "a.txt", b"a")
    assert len(documents(await crawl(url, folders=["Shared", "Shared/inner", inner.id]))) == 1


async def test_sites_and_folders_add_up(world: World, url: str) -> None:
    world.add_site("hr", visibility="PRIVATE")
    world.add_file(world.document_library("hr"), "a.txt", b"a")
    world.add_file(world.shared, "b.txt", b"b")
    assert titles(await crawl(url, sites=["hr"], folders=["Shared"])) == {"a.txt", "b.txt"}


async def test_all_sites_are_walked_and_one_without_a_library_is_no_error(world: World, url: str) -> None:
    for site in ("one", "two"):
        world.add_site(site)
        world.add_file(world.document_library(site), f"{site}.txt", b"a")
    world.add_site("bare", document_library=False)
    assert titles(await crawl(url, sites="all")) == {"one.txt", "two.txt"}


async def test_aspects_alone_search_the_whole_repository(world: World, url: str) -> None:
    marked = world.add_folder(world.shared, "folder", aspects=["acme:indexed"])
    world.add_file(marked, "by its folder.txt", b"a")
    world.add_file(world.root, "marked.txt", b"a", aspects=["acme:indexed"])
    world.add_file(marked, "also marked.txt", b"a", aspects=["acme:other"])
    changes = await crawl(url, aspects=["acme:indexed", "acme:other"])
    assert titles(changes) == {"marked.txt", "also marked.txt"}
    assert reasons(changes) == ["aspect"]


async def test_aspects_beside_a_folder_narrow_it(world: World, url: str) -> None:
    world.add_file(world.root, "outside.txt", b"a", aspects=["acme:indexed"])
    world.add_file(world.shared, "inside.txt", b"a", aspects=["acme:indexed"])
    world.add_file(world.shared, "unmarked.txt", b"a")
    assert titles(await crawl(url, folders=["Shared"], aspects=["acme:indexed"])) == {"inside.txt"}


@pytest.mark.parametrize(
    "scope",
    [
        {"sites": ["no-such"]},
        {"folders": ["Shared/no-such"]},
        {"folders": ["Shared/a.txt"]},
        {"folders": ["00000000-0000-4000-8000-000000000000"]},
        {"folders": ["Shared", "Shared/no-such"]},
        {"sites": "all"},
    ],
)
async def test_a_scope_that_leads_nowhere_is_an_error(world: World, url: str, scope: dict[str, Any]) -> None:
    world.add_file(world.shared, "a.txt", b"a")
    with pytest.raises(ScopeMissing):
        await crawl(url, **scope)


async def test_a_private_site_that_the_account_may_not_see_is_an_error(world: World, url: str) -> None:
    world.add_person("crawler", password="crawler")
    world.add_site("hr", visibility="PRIVATE")
    with pytest.raises(ScopeMissing, match="hr"):
        await crawl(url, user="crawler", sites=["hr"])


# -- what is met -------------------------------------------------------------------------------------------------------


async def test_a_document_with_a_second_parent_is_met_once_and_keeps_its_own_permissions(
    world: World, url: str
) -> None:
    world.add_person("alice")
    private = world.add_folder(world.shared, "private")
    world.set_permissions(private, inherit=False, entries=[("alice", "Consumer")])
    file = world.add_file(private, "a.txt", b"a")
    world.add_secondary_child(world.add_folder(world.shared, "a public folder"), file)
    [document] = documents(await crawl(url))
    assert document.acl == Acl(f"node:{private.id}", frozenset({Principal.user(SOURCE, "alice")}))


async def test_links_are_counted_and_not_followed(world: World, url: str) -> None:
    elsewhere = world.add_folder(world.root, "elsewhere")
    target = world.add_file(elsewhere, "a.txt", b"a")
    world.add_link(world.shared, "link to a file", target)
    world.add_link(world.shared, "link to a folder", elsewhere)
    changes = await crawl(url)
    assert (titles(changes), reasons(changes)) == (set(), ["link", "link"])


@pytest.mark.parametrize(
    ("settings", "brought", "left_out"),
    [
        ({}, {"plain"}, ["record", "record", "security-mark", "security-mark"]),
        ({"include_records": True}, {"plain", "record"}, ["security-mark", "security-mark", "security-mark"]),
        ({"include_security_marks": True}, {"plain", "marked", "old mark"}, ["record", "record"]),
        (
            {"include_records": True, "include_security_marks": True},
            {"plain", "record", "marked", "old mark", "marked record"},
            [],
        ),
    ],
)
async def test_what_hidden_rules_protect_is_left_out_and_counted_unless_asked_for(
    world: World, url: str, settings: dict[str, bool], brought: set[str], left_out: list[str]
) -> None:
    aspects = {
        "plain": [],
        "record": ["rma:record"],
        "marked": ["sc:classified"],
        "old mark": ["clf:classified"],
        "marked record": ["sc:classified", "rma:record"],
    }
    for name, own in aspects.items():
        world.add_file(world.shared, name, b"a", aspects=own)
    changes = await crawl(url, folders=["Shared"], **settings)
    assert (titles(changes), reasons(changes)) == (brought, left_out)


async def test_lost_content_is_a_document_without_version_whose_content_is_gone(world: World, url: str) -> None:
    lost = world.add_file(world.shared, "lost.txt", None)
    async with connected(url) as connector:
        [document] = documents([change async for change in connector.crawl(None)])
        assert document.content_version is None
        with pytest.raises(ContentGone):
            await connector.open_content(DocumentId(SOURCE, lost.id)).__aenter__()


async def test_comments_arrive_as_text_and_only_commented_documents_are_asked_for_them(world: World, url: str) -> None:
    file = world.add_file(world.shared, "a.txt", b"a")
    world.add_file(world.shared, "b.txt", b"b")
    for number in range(5):
        world.add_comment(file, "admin", f"<p>remark <b>{number}</b></p>")
    found = {one.title: one.comments for one in documents(await crawl(url, folders=["Shared"], page_size=2))}
    assert {comment.text for comment in found["a.txt"]} == {f"remark {number}" for number in range(5)}
    assert found["b.txt"] == ()
    assert {request.path.split("/")[-2] for request in world.request_log.with_path("/comments")} == {file.id}


async def test_comments_can_be_left_out(world: World, url: str) -> None:
    world.add_comment(world.add_file(world.shared, "a.txt", b"a"), "admin", "<p>x</p>")
    [document] = documents(await crawl(url, folders=["Shared"], include_comments=False))
    assert document.comments == ()
    assert not world.request_log.with_path("/comments")


async def test_properties_feed_the_attributes_that_the_settings_name(world: World, url: str) -> None:
    due = datetime(2024, 6, 1, 12, tzinfo=UTC)
    world.add_file(world.shared, "a.txt", b"a", properties={"acme:due": due, "acme:cases": ["7", "eight"]})
    fields = {"acme:due": "due", "acme:cases": {"to": "cases", "type": "integer"}}
    [document] = documents(await crawl(url, folders=["Shared"], fields=fields))
    assert (document.attributes["due"], document.attributes["cases"]) == (due, (7,))
    assert document.warnings == ("field-type: cases",)


async def test_a_crawl_reads_no_content(world: World, url: str) -> None:
    world.add_file(world.shared, "a.txt", b"a")
    async with connected(url) as connector:
        await connector.check()
        _ = [change async for change in connector.crawl(None)]
    assert not world.request_log.content_requests()


async def test_a_listing_costs_one_request_a_page_and_none_a_document(world: World, url: str) -> None:
    for number in range(50):
        world.add_file(world.shared, f"{number:02}.txt", b"a")
    assert len(documents(await crawl(url, folders=["Shared"], page_size=10))) == 50
    assert len(world.request_log.with_path("/children")) == 5
    assert len(world.request_log) <= 5 + 4  # the scope, and the ancestors up to where inheritance begins


# -- permissions -------------------------------------------------------------------------------------------------------


async def test_what_a_consumer_crawls_is_hidden_because_consumers_see_no_permissions(world: World, url: str) -> None:
    world.add_person("crawler", password="crawler")
    folder = world.add_folder(world.root, "folder")  # Company Home makes everyone a Consumer
    world.add_file(folder, "a.txt", b"a")
    [document] = documents(await crawl(url, user="crawler", folders=["folder"]))
    assert document.acl is None


async def test_below_an_unreadable_ancestor_the_computed_list_counts(world: World, url: str) -> None:
    """The account may read permissions in the folder, and not on Company Home above it."""
    world.add_person("crawler", password="crawler")
    folder = world.add_folder(world.root, "folder")
    world.set_permissions(folder, entries=[("crawler", "Editor")])
    world.add_file(folder, "a.txt", b"a")
    [document] = documents(await crawl(url, user="crawler", folders=["folder"]))
    assert document.acl is not None
    assert document.acl.allow == {Principal.everyone(SOURCE), Principal.user(SOURCE, "crawler")}
    assert document.acl.key == f"node:{folder.id}"


async def test_lists_of_a_whole_tree_share_one_key_until_a_folder_decides_anew(world: World, url: str) -> None:
    world.add_person("alice")
    deep = world.add_folder(world.add_folder(world.shared, "a"), "b")
    world.add_file(deep, "1.txt", b"a")
    own = world.add_folder(deep, "own")
    world.set_permissions(own, entries=[("alice", "Consumer", "DENIED")])
    world.add_file(own, "2.txt", b"a")
    keys = {one.title: one.acl.key for one in documents(await crawl(url)) if one.acl}
    assert keys == {"1.txt": f"node:{world.shared.id}", "2.txt": f"node:{own.id}"}


async def test_the_key_of_a_list_does_not_depend_on_where_the_crawl_began(world: World, url: str) -> None:
    world.add_file(world.add_folder(world.shared, "a"), "1.txt", b"a")
    [from_above], [from_within] = documents(await crawl(url)), documents(await crawl(url, folders=["Shared/a"]))
    assert from_above.acl == from_within.acl


# -- changes under the crawl -------------------------------------------------------------------------------------------


async def crawl_with(url: str, act: Callable[[], None], *, at: int, **settings: Any) -> list[Change]:
    """Crawl, and let something happen right after the checkpoint of page `at`."""
    changes, pages = [], 0
    async with connected(url, **settings) as connector:
        async for change in connector.crawl(None):
            changes.append(change)
            pages += isinstance(change, Checkpoint)
            if pages == at and isinstance(change, Checkpoint):
                act()
    return changes


@pytest.mark.parametrize("removed", [1, 3, 7, 8])
async def test_documents_that_stay_are_met_although_pages_shift(world: World, url: str, removed: int) -> None:
    files = [world.add_file(world.shared, f"{number:02}.txt", b"a") for number in range(20)]

    def remove() -> None:
        for file in files[:removed]:
            world.delete(file)

    changes = await crawl_with(url, remove, at=2, folders=["Shared"], page_size=4)
    assert titles(changes) >= {file.name for file in files[removed:]}


async def test_removing_the_last_entry_of_a_page_loses_none(world: World, url: str) -> None:
    files = [world.add_file(world.shared, f"{number:02}.txt", b"a") for number in range(12)]
    changes = await crawl_with(url, lambda: world.delete(files[3]), at=1, folders=["Shared"], page_size=4)
    assert titles(changes) == {file.name for file in files}


async def test_new_entries_before_the_page_repeat_documents_and_lose_none(world: World, url: str) -> None:
    for number in range(12):
        world.add_file(world.shared, f"m{number:02}.txt", b"a")

    def add() -> None:
        for number in range(3):
            world.add_file(world.shared, f"a{number}.txt", b"a")

    changes = await crawl_with(url, add, at=1, folders=["Shared"], page_size=4)
    assert titles(changes) >= {f"m{number:02}.txt" for number in range(12)}


async def test_a_folder_that_is_deleted_before_its_turn_is_simply_gone(world: World, url: str) -> None:
    folder = world.add_folder(world.shared, "folder")
    world.add_file(folder, "a.txt", b"a")
    world.add_file(world.shared, "b.txt", b"b")
    assert titles(await crawl_with(url, lambda: world.delete(folder), at=1)) == {"b.txt"}


async def test_a_scope_that_is_deleted_during_the_crawl_is_an_error(world: World, url: str) -> None:
    scope = world.add_folder(world.shared, "scope")
    for number in range(5):
        world.add_file(scope, f"{number}.txt", b"a")
    with pytest.raises(ScopeMissing):
        await crawl_with(url, lambda: world.delete(scope), at=1, folders=["Shared/scope"], page_size=2)


async def test_a_folder_that_becomes_unreadable_ends_the_crawl_instead_of_shortening_it(world: World, url: str) -> None:
    world.add_person("crawler", password="crawler")
    folder = world.add_folder(world.shared, "folder")
    world.add_file(folder, "a.txt", b"a")

    def close() -> None:
        world.set_permissions(folder, inherit=False, entries=[])

    with pytest.raises(ScopeMissing, match="no longer"):
        await crawl_with(url, close, at=1, user="crawler", folders=["Shared"])


async def test_a_password_that_changes_during_the_crawl_ends_it(world: World, url: str) -> None:
    world.add_person("crawler", password="crawler")
    for number in range(5):
        world.add_file(world.shared, f"{number}.txt", b"a")
    with pytest.raises(CredentialsRejected):
        await crawl_with(
            url, lambda: world.disable_person("crawler"), at=1, user="crawler", folders=["Shared"], page_size=2
        )


async def test_permissions_that_change_before_a_resumption_are_read_anew(world: World, url: str) -> None:
    world.add_person("alice")
    folder = world.add_folder(world.add_folder(world.shared, "a"), "b")
    for number in range(4):
        world.add_file(folder, f"{number}.txt", b"a")
    async with connected(url, folders=["Shared"], page_size=2) as connector:
        checkpoints = [change async for change in connector.crawl(None) if isinstance(change, Checkpoint)]
        world.set_permissions(world.shared, inherit=False, entries=[("alice", "Consumer")])
        resumed = [change async for change in connector.crawl(checkpoints[2])]
    assert len(documents(resumed)) == 2
    for document in documents(resumed):
        assert document.acl is not None and document.acl.allow == {Principal.user(SOURCE, "alice")}


# -- identities and checks ---------------------------------------------------------------------------------------------


async def test_identities_show_administrators_guests_disabled_people_and_site_groups(world: World, url: str) -> None:
    world.add_person("root2", is_admin=True)
    world.add_person("gone", enabled=False)
    world.add_group("GROUP_odd name %2F #+&", members=["gone"])
    world.add_site("hr", visibility="PRIVATE", members={"root2": "SiteConsumer"})
    async with connected(url, folders=["Shared"], page_size=2) as connector:
        found = [one async for one in connector.identities()]
    people = {one.username: one for one in found if isinstance(one, Person)}
    assert {name for name, one in people.items() if one.is_administrator} == {"admin", "root2"}
    assert {name for name, one in people.items() if one.is_guest} == {"guest"}
    assert not people["gone"].enabled and people["gone"].email is None
    groups = {one.group.id for one in found if isinstance(one, Membership)}
    assert {"GROUP_odd name %2F #+&", "GROUP_site_hr", "GROUP_site_hr_SiteConsumer"} <= groups
    assert not any(one.member.id == "GROUP_EVERYONE" for one in found if isinstance(one, Membership))


async def test_wrong_credentials_are_one_failed_check_that_names_the_setting(url: str) -> None:
    async with connected(url, user="nobody", folders=["Shared"]) as connector:
        [result] = await connector.check()
    assert not result.passed and "`auth.password`" in result.message


@pytest.mark.parametrize(
    ("address", "is_pointed_out"),
    [("http://docs.example.com", True), ("https://docs.example.com", False), ("http://127.0.0.1:8081", False)],
)
async def test_secrets_that_travel_unencrypted_are_pointed_out(
    address: str, is_pointed_out: bool, respx_mock: respx.MockRouter
) -> None:
    respx_mock.route().mock(side_effect=lambda request: httpx.Response(200, json={"entry": {"id": "crawler"}}))
    async with connected(address, folders=["Shared"]) as connector:
        found = [result.message for result in await connector.check() if result.subject == "encryption"]
    assert bool(found) is is_pointed_out
    assert all("`url`" in message for message in found)


async def test_an_account_that_sees_no_permissions_fails_its_check(world: World, url: str) -> None:
    world.add_person("crawler", password="crawler")
    world.add_folder(world.root, "folder")
    async with connected(url, user="crawler", folders=["folder"]) as connector:
        [failed] = [result for result in await connector.check() if not result.passed]
    assert failed.subject == "permissions" and "ReadPermissions" in failed.message


@pytest.mark.parametrize(
    ("module", "over"),
    [
        ("alfresco-rm-community-repo", "records"),
        ("alfresco-governance-services", "records"),
        ("org_alfresco_module_rm", "records"),
        ("alfresco-rm-enterprise-repo", "records and security marks"),
    ],
)
async def test_modules_with_rules_that_the_api_does_not_show_are_pointed_out(
    world: World, url: str, module: str, over: str
) -> None:
    world.modules = {module: ("Records", "1.0"), "alfresco-trashcan-cleaner": ("Cleaner", "1.0")}
    async with connected(url) as connector:
        [line] = [result for result in await connector.check() if result.subject == "hidden rules"]
    assert f"{module} has rules of access over {over} that" in line.message and "trashcan" not in line.message
    assert "record: left out" in line.message and "security-mark: left out" in line.message


async def test_records_that_are_included_all_the_same_are_pointed_out_too(url: str) -> None:
    async with connected(url, folders=["Shared"], include_records=True) as connector:
        [line] = [result for result in await connector.check() if result.subject == "hidden rules"]
    assert "record: INCLUDED" in line.message and "security-mark: left out" in line.message


async def test_a_server_without_such_modules_is_not_warned_about(url: str) -> None:
    async with connected(url) as connector:
        assert "hidden rules" not in {result.subject for result in await connector.check()}


async def test_an_account_that_may_not_read_members_fails_its_check(url: str) -> None:
    refusal = {"error": {"errorKey": "framework.exception.PermissionDenied", "statusCode": 403, "briefSummary": "x"}}
    async with connected(url) as connector:
        with respx.mock:
            respx.route(path__regex=r"/groups/[^/]+/members$").respond(403, json=refusal)
            respx.route().pass_through()
            [failed] = [result for result in await connector.check() if not result.passed]
    assert failed.subject == "people and groups" and "nobody would find anything" in failed.message


async def test_the_edition_is_named(url: str) -> None:
    async with connected(url) as connector:
        [server] = [result for result in await connector.check() if result.subject == "server"]
    assert "Enterprise" in server.message

"""What a folder of files holds besides plain files, and what access files say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connectors.filesystem import FilesystemConfig, FilesystemConnector
from connectors.media_types import guess_mime_type, short_type
from vocabulary.access import Acl, Identity, Membership, Person, Principal
from vocabulary.documents import Change, Checkpoint, DocumentId, DocumentState, Skipped, Upsert
from vocabulary.errors import ContentGone, ContentUnavailable, ScopeMissing, SettingInvalid

SOURCE = "files"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def connector(root: Path, *, people: Path | None = None, page_size: int = 100) -> FilesystemConnector:
    return FilesystemConnector(SOURCE, FilesystemConfig(root=root, people=people, page_size=page_size))


async def crawl(root: Path, checkpoint: Checkpoint | None = None, *, page_size: int = 100) -> list[Change]:
    return [change async for change in connector(root, page_size=page_size).crawl(checkpoint)]


async def acls(root: Path) -> dict[str, Acl | None]:
    changes = await crawl(root)
    return {change.document.id.native_id: change.document.acl for change in changes if isinstance(change, Upsert)}


def write(root: Path, path: str, content: str = "text") -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(content)


# -- access ------------------------------------------------------------------------------------------------------------


async def test_the_nearest_access_file_decides_alone(root: Path) -> None:
    write(root, ".access.toml", 'allow = ["user:alice", "group:staff", "everyone"]\ndeny = ["user:bob"]')
    write(root, "inner/.access.toml", 'allow = ["user:carol"]')
    for path in ("a.txt", "sub/b.txt", "inner/c.txt", "inner/sub/d.txt"):
        write(root, path)
    outer = Acl(
        "node:.",
        frozenset({Principal.user(SOURCE, "alice"), Principal.group(SOURCE, "staff"), Principal.everyone(SOURCE)}),
        frozenset({Principal.user(SOURCE, "bob")}),
    )
    inner = Acl("node:inner", frozenset({Principal.user(SOURCE, "carol")}))
    assert await acls(root) == {"a.txt": outer, "sub/b.txt": outer, "inner/c.txt": inner, "inner/sub/d.txt": inner}


async def test_without_an_access_file_nothing_is_known(root: Path) -> None:
    write(root, "a.txt")
    assert await acls(root) == {"a.txt": None}


async def test_an_empty_access_file_admits_nobody(root: Path) -> None:
    write(root, ".access.toml", "")
    write(root, "a.txt")
    assert await acls(root) == {"a.txt": Acl("node:.", frozenset())}


@pytest.mark.parametrize(
    "content",
    [
        "allow = [",
        'allow = "everyone"',
        'allow = ["everyone"]\nallowed = ["user:bob"]',
        'allow = ["everyone", "alice"]',
        'allow = ["everyone"]\ndeny = ["user:"]',
        'allow = ["everyone"]\ndeny = [1]',
    ],
)
async def test_an_access_file_that_is_not_understood_hides_and_does_not_give_way(root: Path, content: str) -> None:
    write(root, ".access.toml", 'allow = ["everyone"]')
    write(root, "inner/.access.toml", content)
    write(root, "inner/a.txt")
    assert await acls(root) == {"inner/a.txt": None}


async def test_an_access_file_that_is_a_link_hides(root: Path, tmp_path: Path) -> None:
    (tmp_path / "open.toml").write_text('allow = ["everyone"]')
    write(root, "a.txt")
    (root / ".access.toml").symlink_to(tmp_path / "open.toml")
    assert await acls(root) == {"a.txt": None}


# -- what is met -------------------------------------------------------------------------------------------------------


async def test_links_pipes_and_control_files_are_counted_and_not_delivered(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "folder").symlink_to(tmp_path)
    (root / "dangling").symlink_to(tmp_path / "nothing")
    os.mkfifo(root / "pipe")
    write(root, ".access.toml", "")
    write(root, "people.toml", "")
    source = connector(root, people=root / "people.toml")
    changes = [change async for change in source.crawl(None)]
    assert {change.document_id.native_id: change.reason for change in changes if isinstance(change, Skipped)} == {
        ".access.toml": "control-file",
        "dangling": "link-or-device",
        "folder": "link-or-device",
        "link.txt": "link-or-device",
        "people.toml": "control-file",
        "pipe": "link-or-device",
    }
    assert not any(isinstance(change, Upsert) for change in changes)


@pytest.mark.parametrize("path", ["link.txt", "folder/secret.txt", "pipe"])
async def test_content_is_never_read_through_a_link_or_from_a_pipe(root: Path, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "folder").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    with pytest.raises((ContentUnavailable, ContentGone)):
        await connector(root).open_content(DocumentId(SOURCE, path)).__aenter__()


async def test_a_name_that_is_no_unicode_is_counted_as_failed_and_breaks_nothing(root: Path) -> None:
    (Path(os.fsdecode(os.fsencode(root) + b"/bad\xff.txt"))).write_text("x")
    write(root, "good.txt")
    changes = await crawl(root, page_size=1)
    [skipped] = [change for change in changes if isinstance(change, Skipped)]
    assert (skipped.state, skipped.reason) == (DocumentState.FAILED, "name-not-unicode")
    str(skipped.document_id).encode("utf-8")
    for checkpoint in [change for change in changes if isinstance(change, Checkpoint)]:
        await crawl(root, checkpoint)


async def test_paths_come_in_one_order_whatever_lies_between_files_and_folders(root: Path) -> None:
    paths = ["a/z.txt", "a-b.txt", "a.txt", "a/b/c.txt", "b.txt", "ä.txt"]
    for path in paths:
        write(root, path)
    changes = await crawl(root, page_size=1)
    met = [change.document.id.native_id for change in changes if isinstance(change, Upsert)]
    assert sorted(met) == sorted(paths)
    for index, change in enumerate(changes):
        if isinstance(change, Checkpoint):
            rest = [one for one in changes[index + 1 :] if isinstance(one, Upsert)]
            resumed = [one for one in await crawl(root, change, page_size=1) if isinstance(one, Upsert)]
            assert resumed == rest


async def test_a_resumption_point_that_was_deleted_or_became_a_folder_loses_nothing(root: Path) -> None:
    for path in ("a.txt", "m.txt", "z.txt"):
        write(root, path)
    changes = await crawl(root, page_size=2)
    checkpoint = next(change for change in changes if isinstance(change, Checkpoint))
    (root / "m.txt").unlink()
    write(root, "m.txt/new.txt")
    resumed = [one.document.id.native_id for one in await crawl(root, checkpoint) if isinstance(one, Upsert)]
    assert resumed == ["m.txt/new.txt", "z.txt"]


async def test_a_root_that_is_no_folder_is_an_error(root: Path) -> None:
    write(root, "a.txt")
    for path in (root / "a.txt", root / "missing"):
        with pytest.raises(ScopeMissing):
            await crawl(path)


# -- people ------------------------------------------------------------------------------------------------------------


async def read_people(root: Path, content: str) -> list[Identity]:
    write(root, "people.toml", content)
    return [one async for one in connector(root, people=root / "people.toml").identities()]


async def test_people_and_nested_groups_are_read_from_the_people_file(root: Path) -> None:
    found = await read_people(
        root,
        '[[people]]\nusername = "alice"\nemail = "a@example.com"\ndisplay_name = "Alice A"\nadministrator = true\n'
        '[[people]]\nusername = "bob"\nenabled = false\n[groups]\nstaff = ["user:bob", "user:bob", "group:board"]\n',
    )
    staff = Principal.group(SOURCE, "staff")
    assert found == [
        Person(Principal.user(SOURCE, "alice"), "alice", "a@example.com", "Alice A", is_administrator=True),
        Person(Principal.user(SOURCE, "bob"), "bob", None, "bob", enabled=False),
        Membership(staff, Principal.user(SOURCE, "bob")),
        Membership(staff, Principal.group(SOURCE, "board")),
    ]


@pytest.mark.parametrize("content", ["[[people]", "people = 1", '[[people]]\nname = "x"', '[groups]\ng = ["alice"]'])
async def test_a_people_file_that_is_not_understood_is_an_error_and_a_failed_check(root: Path, content: str) -> None:
    with pytest.raises(SettingInvalid, match="people"):
        await read_people(root, content)
    results = await connector(root, people=root / "people.toml").check()
    assert [result.subject for result in results if not result.passed] == ["people"]


async def test_without_a_people_file_the_source_names_nobody(root: Path) -> None:
    assert [one async for one in connector(root).identities()] == []


# -- names of types ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file_name", "short"),
    [
        ("a.PDF", "pdf"),
        ("b.docx", "docx"),
        ("c.md", "md"),
        ("d.htm", "html"),
        ("e", "octet-stream"),
        (".x", "octet-stream"),
    ],
)
def test_files_have_the_short_types_that_people_filter_by(file_name: str, short: str) -> None:
    assert short_type(guess_mime_type(file_name)) == short


def test_parameters_and_case_of_a_media_type_do_not_matter() -> None:
    assert short_type("Text/HTML; charset=UTF-8") == "html"
    assert short_type("") == "unknown"

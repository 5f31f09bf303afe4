"""The second opinion on a folder agrees with the crawl, and sees each change at once."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from acl import GroupGraph, expand, may_read
from connectors.filesystem import FilesystemConfig, FilesystemConnector
from connectors.filesystem.witness import FilesystemWitness
from vocabulary.access import Membership, Person, Principal
from vocabulary.documents import DocumentId, Upsert
from vocabulary.errors import SettingInvalid
from vocabulary.statements import Question, Verdict

SOURCE = "files"
PEOPLE = [f"person{number}" for number in range(6)]
GROUPS = [f"group{number}" for number in range(4)]
NAMED = [*(f"user:{name}" for name in PEOPLE), *(f"group:{name}" for name in GROUPS), "everyone", "user:gone"]


def furnish(root: Path, chance: random.Random) -> None:
    """Folders in folders, most with a list: of all kinds, empty ones and broken ones among them."""
    for number in range(3**3):
        folder = root / "/".join(str(number // 3**power % 3) for power in range(chance.randrange(4)))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.txt").write_text("text")
        if chance.random() < 0.6:
            lists = {
                key: chance.sample(NAMED, chance.randrange(3)) for key in ("allow", "deny") if chance.random() < 0.8
            }
            broken = chance.random() < 0.1
            text = "\n".join(f"{key} = {names!r}" for key, names in lists.items())
            (folder / ".access.toml").write_text('allow = ["nobody"]' if broken else text)


def write_people(file: Path, chance: random.Random) -> None:
    lines = []
    for name in PEOPLE:
        flags = (f"{flag} = {str(chance.random() < share).lower()}" for flag, share in _SHARES.items())
        lines += ["[[people]]", f'username = "{name}"', *flags]
    members = {group: chance.sample([*NAMED[:10]], 3) for group in GROUPS}  # circles among them
    lines += ["[groups]", *(f"{group} = {names!r}" for group, names in members.items())]
    file.write_text("\n".join(lines))


_SHARES = {"enabled": 0.8, "administrator": 0.2}


@pytest.mark.parametrize("seed", range(4))
async def test_it_agrees_with_the_crawl_about_everybody_and_everything(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    furnish(tmp_path / "root", chance)
    write_people(tmp_path / "people.toml", chance)
    config = FilesystemConfig(root=tmp_path / "root", people=tmp_path / "people.toml")
    async with FilesystemConnector(SOURCE, config) as connector, FilesystemWitness(SOURCE, config) as witness:
        documents = [each.document async for each in connector.crawl(None) if isinstance(each, Upsert)]
        known = [each async for each in connector.identities()]
        graph = GroupGraph.of(each for each in known if isinstance(each, Membership))
        people = {each.principal: expand(each, graph) for each in known if isinstance(each, Person)}
        expected = {
            Question(document.id, person): may_read(document.acl, document.owner, principals, source=SOURCE)
            for document in documents
            for person, principals in people.items()
        }
        said = dict(zip(expected, await witness.testify(list(expected)), strict=True))
    assert set(expected.values()) == {True, False}
    assert {each: said[each].verdict is Verdict.ALLOWED for each in expected} == expected


@pytest.fixture
def config(tmp_path: Path) -> FilesystemConfig:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "plan.txt").write_text("text")
    (tmp_path / "root" / ".access.toml").write_text('allow = ["user:ann"]')
    (tmp_path / "people.toml").write_text('[[people]]\nusername = "ann"\n')
    return FilesystemConfig(root=tmp_path / "root", people=tmp_path / "people.toml")


async def verdict(config: FilesystemConfig, user: str | None, name: str = "plan.txt") -> Verdict:
    async with FilesystemWitness(SOURCE, config) as witness:
        reader = None if user is None else Principal.user(SOURCE, user)
        (statement,) = await witness.testify([Question(DocumentId(SOURCE, name), reader)])
    return statement.verdict


async def test_a_changed_list_counts_with_the_next_question(config: FilesystemConfig) -> None:
    assert await verdict(config, "ann") is Verdict.ALLOWED
    (config.root / ".access.toml").write_text('allow = ["user:ann"]\ndeny = ["everyone"]')
    assert await verdict(config, "ann") is Verdict.DENIED


async def test_anybody_finds_what_everyone_may_read_and_nobody_is_denied(config: FilesystemConfig) -> None:
    assert await verdict(config, None) is Verdict.DENIED
    (config.root / ".access.toml").write_text('allow = ["everyone"]')
    assert await verdict(config, None) is Verdict.ALLOWED
    (config.root / ".access.toml").write_text('allow = ["everyone"]\ndeny = ["user:ann"]')
    assert await verdict(config, None) is Verdict.DENIED


@pytest.mark.parametrize("name", ["missing.txt", "plan.txt/below", "../people.toml", "link.txt", "folder"])
async def test_what_is_no_file_below_the_root_is_gone(config: FilesystemConfig, name: str) -> None:
    (config.root / "link.txt").symlink_to(config.root / "plan.txt")
    (config.root / "folder").mkdir()
    assert await verdict(config, "ann", name) is Verdict.GONE


async def test_a_people_file_that_cannot_be_read_is_an_error(config: FilesystemConfig) -> None:
    (config.people or config.root).write_text("this is not TOML")
    with pytest.raises(SettingInvalid):
        await verdict(config, "ann")

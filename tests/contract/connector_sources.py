"""Real sources for the connector suite: each is furnished alike, and the suite knows nothing else about it.

To add a connector, write one class that keeps `SourceUnderTest` and name it in `SOURCES`.
"""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from connectors.alfresco import AlfrescoConfig, AlfrescoConnector
from connectors.alfresco.simulator import World, served_world
from connectors.alfresco.simulator.model import Node
from connectors.filesystem import FilesystemConfig, FilesystemConnector
from connectors.registry import SourceConnector
from vocabulary.documents import DocumentId

NAME = "source-under-test"
PAGE_SIZE = 3
LARGE = bytes(range(256)) * 10_000  # 2.4 MiB: several pieces
EVENING = datetime(2024, 5, 1, 18, 0, tzinfo=UTC)


@dataclass(frozen=True)
class BrokenTransfer:
    """A content request that ends too early: `interrupt()` cuts it once its first piece arrived."""

    connector: SourceConnector
    document_id: DocumentId
    interrupt: Callable[[], None]


class SourceUnderTest(ABC):
    """A source with files in nested folders, pages to turn, a large, an empty, a hidden and a filtered file."""

    documents: dict[str, bytes]  # in scope, by native id
    skipped: set[str]  # met, and not delivered
    hidden: set[str]  # documents whose permissions the crawler may not read
    large: str
    empty: str
    people: set[str]
    memberships: set[tuple[str, str]]  # group id, member id

    @abstractmethod
    def connector(self) -> SourceConnector:
        """A fresh connector with `PAGE_SIZE`, not entered yet."""

    @abstractmethod
    def connector_of_another_scope(self) -> SourceConnector: ...

    @abstractmethod
    def connector_of_a_missing_scope(self) -> SourceConnector: ...

    @abstractmethod
    def write(self, native_id: str, content: bytes) -> None:
        """Replace a document's bytes by others of the same length."""

    @abstractmethod
    def delete(self, native_id: str) -> None: ...

    @abstractmethod
    def broken_transfer(self) -> AbstractAsyncContextManager[BrokenTransfer]: ...


class AlfrescoSource(SourceUnderTest):
    """A site of the simulated Alfresco, over HTTP on the loopback interface."""

    def __init__(self, world: World, url: str) -> None:
        self._world, self._url = world, url
        self.documents, self.skipped, self.hidden = {}, set(), set()
        with world.at(EVENING):
            self._furnish()
        directory = world.directory
        self.people = set(directory.people)
        self.memberships = {(group.id, member) for group in directory.groups.values() for member in group.members}

    def _furnish(self) -> None:
        world = self._world
        for name in ("alice", "bob"):
            world.add_person(name, email=f"{name}@example.com")
        world.add_person("crawler", password="crawler")
        world.add_group("GROUP_staff", members=["alice"])
        world.add_group("GROUP_all", members=["GROUP_staff", "bob"])
        world.add_site("hr", visibility="PRIVATE", members={"GROUP_all": "SiteConsumer", "crawler": "SiteContributor"})
        world.add_site("empty", document_library=False)
        library = world.document_library("hr")
        deep = world.add_folder(world.add_folder(world.add_folder(library, "a"), "b"), "c")
        world.add_folder(library, "nothing in it")
        for folder, count in ((library, 7), (world.add_folder(library, "d"), PAGE_SIZE), (deep, 4)):
            for number in range(count):
                self._add(folder, f"{number}.txt", f"text {number}".encode())
        self.large = self._add(library, "large.bin", LARGE)
        self.empty = self._add(deep, "empty.txt", b"")
        self._add_hidden(library)
        self.skipped.add(world.add_link(library, "link", self.large).id)
        self._add_out_of_scope()

    def _add(self, folder: Node, name: str, content: bytes) -> str:
        node = self._world.add_file(folder, name, content)
        self.documents[node.id] = content
        return node.id

    def _add_hidden(self, library: Node) -> None:
        folder = self._world.add_folder(library, "hidden")
        self._world.set_permissions(folder, inherit=False, entries=[("crawler", "Consumer"), ("alice", "Consumer")])
        self.hidden = {self._add(folder, "one.txt", b"one"), self._add(folder, "two.txt", b"two")}

    def _add_out_of_scope(self) -> None:
        self._world.add_file(self._world.shared, "elsewhere.txt", b"elsewhere")

    def _connector(self, url: str | None = None, **scope: object) -> SourceConnector:
        settings = {
            "url": url or self._url,
            "auth": {"kind": "basic", "username": "crawler", "password": SecretStr("crawler")},
            "page_size": PAGE_SIZE,
        }
        return AlfrescoConnector(NAME, AlfrescoConfig.model_validate(settings | (scope or {"sites": ["hr"]})))

    def connector(self) -> SourceConnector:
        return self._connector()

    def connector_of_another_scope(self) -> SourceConnector:
        return self._connector(folders=["/Company Home/Shared"])

    def connector_of_a_missing_scope(self) -> SourceConnector:
        return self._connector(sites=["no-such-site"])

    def write(self, native_id: str, content: bytes) -> None:
        self._world.set_content(native_id, content)

    def delete(self, native_id: str) -> None:
        self._world.delete(native_id)

    @asynccontextmanager
    async def broken_transfer(self) -> AsyncIterator[BrokenTransfer]:
        cut = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2000000\r\n\r\n" + LARGE[:800_000]
            )
            await cut.wait()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, self._connector(url=f"http://127.0.0.1:{port}", sites=["hr"]) as connector:
            yield BrokenTransfer(connector, DocumentId(NAME, "any"), cut.set)


class FilesystemSource(SourceUnderTest):
    """A folder of files with access files and a people file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = folder / "root"
        self._people = folder / "people.toml"
        self.documents, self.skipped, self.hidden = {}, set(), set()
        self._furnish()
        self.people = {"alice", "bob"}
        self.memberships = {("staff", "alice"), ("all", "staff"), ("all", "bob")}

    def _furnish(self) -> None:
        for name in ("a/b/c", "d", "nothing in it", "hidden"):
            (self._root / name).mkdir(parents=True)
        (self._folder / "elsewhere.txt").write_text("elsewhere")
        self._access(".", 'allow = ["group:staff"]\ndeny = ["user:bob"]')
        self._access("hidden", "this is not TOML")
        for name, count in (("", 7), ("d/", PAGE_SIZE), ("a/b/c/", 4)):
            for number in range(count):
                self._add(f"{name}{number}.txt", f"text {number}".encode())
        self.large = self._add("large.bin", LARGE)
        self.empty = self._add("a/b/c/empty.txt", b"")
        self.hidden = {self._add("hidden/one.txt", b"one"), self._add("hidden/two.txt", b"two")}
        (self._root / "link").symlink_to(self._folder / "elsewhere.txt")
        (self._root / "folder link").symlink_to(self._folder)
        self.skipped |= {"link", "folder link"}
        self._people.write_text(
            '[[people]]\nusername = "alice"\nemail = "alice@example.com"\n[[people]]\nusername = "bob"\n'
            '[groups]\nstaff = ["user:alice"]\nall = ["group:staff", "user:bob"]\n'
        )

    def _access(self, folder: str, content: str) -> None:
        (self._root / folder / ".access.toml").write_text(content)
        self.skipped.add(os.path.normpath(f"{folder}/.access.toml"))

    def _add(self, path: str, content: bytes) -> str:
        (self._root / path).write_bytes(content)
        self.documents[path] = content
        return path

    def _connector(self, root: Path) -> SourceConnector:
        return FilesystemConnector(NAME, FilesystemConfig(root=root, people=self._people, page_size=PAGE_SIZE))

    def connector(self) -> SourceConnector:
        return self._connector(self._root)

    def connector_of_another_scope(self) -> SourceConnector:
        return self._connector(self._root / "a")

    def connector_of_a_missing_scope(self) -> SourceConnector:
        return self._connector(self._folder / "no such folder")

    def write(self, native_id: str, content: bytes) -> None:
        (self._root / native_id).write_bytes(content)

    def delete(self, native_id: str) -> None:
        (self._root / native_id).unlink()

    @asynccontextmanager
    async def broken_transfer(self) -> AsyncIterator[BrokenTransfer]:
        def shorten() -> None:
            os.truncate(self._root / self.large, 1_000_000)

        async with self.connector() as connector:
            yield BrokenTransfer(connector, DocumentId(NAME, self.large), shorten)


@contextmanager
def _alfresco(folder: Path) -> Iterator[SourceUnderTest]:
    world = World(name="contract")
    with served_world(world) as url:
        yield AlfrescoSource(world, url)


@contextmanager
def _filesystem(folder: Path) -> Iterator[SourceUnderTest]:
    yield FilesystemSource(folder)


SOURCES = {"alfresco": _alfresco, "filesystem": _filesystem}

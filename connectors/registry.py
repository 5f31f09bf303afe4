"""Which kinds of sources there are: one line each.

The service reads a source's settings with the kind's `config_type` and gets its connector from `create`; nothing else
in the program knows a connector by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Any, Protocol, Self

from pydantic import BaseModel

from connectors.alfresco import AlfrescoConfig, AlfrescoConnector
from connectors.alfresco.witness import AlfrescoWitness
from connectors.filesystem import FilesystemConfig, FilesystemConnector
from connectors.filesystem.witness import FilesystemWitness
from vocabulary.ports import Connector, IdentitySource, SyncMode
from vocabulary.statements import SourceWitness


class SourceConnector(Connector, IdentitySource, Protocol):
    """A connector whose source keeps its own people and groups; it connects when entered and closes when left."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class OpenableWitness(SourceWitness, Protocol):
    """A witness that connects when entered and closes when left."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class ConnectorKind:
    """How one kind of source is configured and made; both take the source's name and a `config_type`.

    `create` makes what crawls the source, `witness` what audits ask whether a crawl was right.
    """

    config_type: type[BaseModel]
    create: Callable[[str, Any], SourceConnector]
    witness: Callable[[str, Any], OpenableWitness]

    @property
    def modes(self) -> frozenset[SyncMode]:
        """What can be run for such a source, by itself or by a schedule."""
        always = frozenset({SyncMode.FULL, SyncMode.IDENTITIES, SyncMode.RESCORE, SyncMode.AUDIT})
        # Asked by name: issubclass refuses a protocol that has a property, and nothing is made only to be looked at.
        is_incremental = all(hasattr(self.create, method) for method in ("mark", "changes", "permissions", "revisit"))
        return always | {SyncMode.CHANGES, SyncMode.PERMISSIONS} if is_incremental else always


CONNECTORS: Mapping[str, ConnectorKind] = MappingProxyType(
    {
        "alfresco": ConnectorKind(AlfrescoConfig, AlfrescoConnector, AlfrescoWitness),
        "filesystem": ConnectorKind(FilesystemConfig, FilesystemConnector, FilesystemWitness),
    }
)

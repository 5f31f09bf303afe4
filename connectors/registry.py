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
from connectors.filesystem import FilesystemConfig, FilesystemConnector
from vocabulary.ports import Connector, IdentitySource, SyncMode


class SourceConnector(Connector, IdentitySource, Protocol):
    """A connector whose source keeps its own people and groups; it connects when entered and closes when left."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class ConnectorKind:
    """How one kind of source is configured and made; `create` takes the source's name and a `config_type`."""

    config_type: type[BaseModel]
    create: Callable[[str, Any], SourceConnector]

    @property
    def modes(self) -> frozenset[SyncMode]:
        """What of a source such a connector can bring up to date."""
        always = frozenset({SyncMode.FULL, SyncMode.IDENTITIES})
        # Asked by name: issubclass refuses a protocol that has a property, and nothing is made only to be looked at.
        is_incremental = all(hasattr(self.create, method) for method in ("mark", "changes", "permissions", "revisit"))
        return always | {SyncMode.CHANGES, SyncMode.PERMISSIONS} if is_incremental else always


CONNECTORS: Mapping[str, ConnectorKind] = MappingProxyType(
    {
        "alfresco": ConnectorKind(AlfrescoConfig, AlfrescoConnector),
        "filesystem": ConnectorKind(FilesystemConfig, FilesystemConnector),
    }
)

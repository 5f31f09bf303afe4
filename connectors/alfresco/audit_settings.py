"""With whose eyes an audit looks at an Alfresco source: the `audit` table of its settings."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from connectors.alfresco.scope.setting_types import Name, SettingsTable
from connectors.alfresco.wire.auth_config import Auth


class AuditSettings(SettingsTable):
    """Accounts for audits and late checks, beside the crawler's own."""

    auth: Auth | None = None  # an account that reads permissions and people's groups; None: the source's `auth`
    readers: Mapping[Name, Auth] = Field(default={})  # by user name: they are asked as themselves

"""What an operator says about one Alfresco source: where it is, who we are there, and what to crawl.

Frozen; unknown keys are refused; no error repeats a value. Every scope is walked through its folder tree, so that
each document's permissions are read beside those of its ancestors.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

import httpx
from pydantic import AfterValidator, Field, model_validator

from connectors.alfresco.audit_settings import AuditSettings
from connectors.alfresco.fields import FieldMappings
from connectors.alfresco.rendition_settings import RenditionSettings
from connectors.alfresco.scope.protected import ProtectedKind
from connectors.alfresco.scope.rules import RuleList
from connectors.alfresco.scope.scope_settings import ScopeKeys, ScopeSettings
from connectors.alfresco.scope.setting_types import Name
from connectors.alfresco.wire.auth_config import Auth
from connectors.configured_path import ConfiguredPath
from connectors.secret_reference import Secret


def _server_url(text: str) -> str:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise ValueError("expected an address such as https://alfresco.example.com") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("expected an address such as https://alfresco.example.com")
    if url.userinfo or url.query or url.fragment:
        raise ValueError("expected the bare address of the server; credentials belong into `auth`")
    return text.rstrip("/").removesuffix("/alfresco")


ServerUrl = Annotated[str, AfterValidator(_server_url)]


class LaneName(StrEnum):
    """A way to hear of changes that not every server offers."""

    AUDIT = "audit"  # the audit application CMISChangeLog
    TRACKING = "tracking"  # what the server tells its search index
    DELETED_NODES = "deleted-nodes"  # the trashcan


class AlfrescoConfig(ScopeKeys):
    """One Alfresco source. Its own scope keys are one scope, `scopes` are further ones: they add up."""

    url: ServerUrl  # of the server, without /alfresco
    share_url: ServerUrl | None = None  # of the Share web application, for links; default: the server's
    ca_certificate: ConfiguredPath | None = None  # PEM file; default: the system's certificate authorities
    auth: Auth

    scopes: tuple[ScopeSettings, ...] = ()
    find_by: Literal["walk", "search"] = "walk"  # how files with one of `aspects` are found; search needs the index
    index_lag_s: float = Field(default=300.0, ge=0)  # how far the search index may be behind; every reading overlaps

    lanes: frozenset[LaneName] = frozenset()  # asked by `changes` and `permissions` before the index and the walk
    tracking_secret: Secret | None = None  # of the lane "tracking": what the repository shares with its search index

    include: RuleList = ()  # what is brought of the scope; empty: everything
    exclude: RuleList = ()  # and what is not, whatever `include` says
    include_records: bool = False  # records management shuts out readers by rules that the API does not show
    include_security_marks: bool = False  # so do clearance and security marks
    fields: FieldMappings = Field(default={})  # properties that feed attributes of chosen names and types
    include_comments: bool = True
    rendition: RenditionSettings | None = None  # read instead of files whose own bytes have no text
    extra_read_permissions: frozenset[Name] = frozenset()  # roles of own permission models that grant Read
    audit: AuditSettings | None = None  # whose eyes audits and late checks look with; None: the crawler's

    connect_timeout_s: float = Field(default=10.0, gt=0)
    read_timeout_s: float = Field(default=60.0, gt=0)  # silence, not duration: a big file may take longer
    page_size: int = Field(default=100, ge=1, le=1000)  # 100 is the server's own default
    max_connections: int = Field(default=8, ge=1, le=64)  # well below Tomcat's default of 200 threads
    requests_per_second: float | None = Field(default=None, gt=0)  # None: as fast as the answers come

    @model_validator(mode="after")
    def _has_a_scope(self) -> Self:
        if not self.names_a_place and (self.narrows or not self.scopes):
            raise ValueError("say what to crawl: at least one of sites, folders and aspects, or `scopes`")
        return self

    @model_validator(mode="after")
    def _searches_for_aspects(self) -> Self:
        if self.find_by == "search" and not all(scope.aspects for scope in self.all_scopes):
            raise ValueError('find_by = "search" finds files by their aspects: every scope needs `aspects`')
        return self

    @model_validator(mode="after")
    def _knows_the_secret(self) -> Self:
        if LaneName.TRACKING in self.lanes and self.tracking_secret is None:
            raise ValueError('the lane "tracking" requires tracking_secret')
        return self

    @property
    def all_scopes(self) -> tuple[ScopeKeys, ...]:
        """The source's own keys, where they are a scope, and then `scopes`."""
        return ((self,) if self.names_a_place else ()) + self.scopes

    @property
    def admitted_kinds(self) -> frozenset[ProtectedKind]:
        """The kinds of protected nodes that are brought all the same."""
        wanted = {
            ProtectedKind.RECORD: self.include_records,
            ProtectedKind.SECURITY_MARK: self.include_security_marks,
        }
        return frozenset(kind for kind, is_wanted in wanted.items() if is_wanted)

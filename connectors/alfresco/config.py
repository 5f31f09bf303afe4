"""What an operator says about one Alfresco source: where it is, who we are there, and what to crawl.

Frozen; unknown keys are refused; no error repeats a value. Every scope is walked through its folder tree, so that
each document's permissions are read beside those of its ancestors.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

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


def _prefixed(name: str) -> str:
    prefix, colon, local_name = name.partition(":")
    if not (prefix and colon and local_name):
        raise ValueError("expected a prefixed aspect name such as acme:indexed")
    return name


ServerUrl = Annotated[str, AfterValidator(_server_url)]
PrefixedName = Annotated[str, AfterValidator(_prefixed)]
Name = Annotated[str, Field(min_length=1)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class BasicAuth(_Model):
    """A user name and password, sent with every request.

    The account needs ReadPermissions on what it crawls: an administrator, or a member of the administrators' group.
    """

    kind: Literal["basic"]
    username: Name
    password: Secret


Auth: TypeAlias = BasicAuth  # a further kind joins as a union told apart by `kind`


class AlfrescoConfig(_Model):
    """One Alfresco source. `sites`, `folders` and `aspects` are the scope; at least one of them is given.

    `sites` and `folders` add up; `aspects` alone walks the whole repository, and beside the others keeps only files
    that carry at least one of them.
    """

    url: ServerUrl  # of the server, without /alfresco
    share_url: ServerUrl | None = None  # of the Share web application, for links; default: the server's
    ca_certificate: ConfiguredPath | None = None  # PEM file; default: the system's certificate authorities
    auth: Auth

    sites: Literal["all"] | tuple[Name, ...] = ()  # site ids
    folders: tuple[Name, ...] = ()  # "/Company Home/…", or a path below it, or a node id
    aspects: tuple[PrefixedName, ...] = ()  # as spelled by the server; sub-aspects are not implied
    include_comments: bool = True
    extra_read_permissions: frozenset[Name] = frozenset()  # roles of own permission models that grant Read

    connect_timeout_s: float = Field(default=10.0, gt=0)
    read_timeout_s: float = Field(default=60.0, gt=0)  # silence, not duration: a big file may take longer
    page_size: int = Field(default=100, ge=1, le=1000)  # 100 is the server's own default
    max_connections: int = Field(default=8, ge=1, le=64)  # well below Tomcat's default of 200 threads

    @model_validator(mode="after")
    def _has_a_scope(self) -> Self:
        if not (self.sites or self.folders or self.aspects):
            raise ValueError("say what to crawl: at least one of sites, folders and aspects")
        return self

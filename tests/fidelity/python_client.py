"""The raw clients of `python-alfresco-api`, generated from the OpenAPI files by openapi-python-client.

Where they cannot talk to a real Alfresco as they are, this adapter does what their user has to do:

- A list of words is joined: the client repeats the parameter for each word, and the server reads the first only.
- The client has no model of a site (its generator passed over `Site`) and makes nothing of answers that hold one; they
  are read from the bytes that it hands over as well.
- Lists that were not sent come as empty ones; they are left out again. The server sends no empty lists but `entries`.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
from contextlib import ExitStack
from enum import Enum
from importlib import import_module
from typing import Any, get_type_hints

import attrs
from foreign_client import Refused

_RAW_CLIENTS = "python_alfresco_api.raw_clients"
_PUBLIC = "/alfresco/api/-default-/public"
_CORE = ("alfresco_core_client.core_client", f"{_PUBLIC}/alfresco/versions/1")
_PACKAGES = {
    "authentication": ("alfresco_auth_client.auth_client", f"{_PUBLIC}/authentication/versions/1"),
    "discovery": ("alfresco_discovery_client.discovery_client", "/alfresco/api"),
    "search": ("alfresco_search_client.search_client", f"{_PUBLIC}/search/versions/1"),
}  # every other area belongs to the core client
_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # plain HTTP; loading them anew costs 30 ms a client
_WITHOUT_MODEL = frozenset({"sites.getSite", "sites.listSites"})


class PythonClient:
    """The raw clients with one set of credentials."""

    def __init__(self, connect: PythonConnect, authorization: str | None, *, joins_lists: bool = True) -> None:
        self._connect = connect
        self._joins_lists = joins_lists
        self._headers = {} if authorization is None else {"Authorization": authorization}
        self._clients: dict[str, Any] = {}

    def call(self, operation: str, *ids: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        area, _, name = operation.partition(".")
        package, base_path = _PACKAGES.get(area, _CORE)
        sync_detailed = import_module(f"{_RAW_CLIENTS}.{package}.api.{area}.{_snake(name)}").sync_detailed
        sent: dict[str, Any] = {
            _snake(parameter): [",".join(value)] if isinstance(value, list) and self._joins_lists else value
            for parameter, value in query.items()
        }
        if body is not None:
            sent["body"] = get_type_hints(sync_detailed)["body"].from_dict(body)
        response = sync_detailed(*ids, client=self._client(package, base_path), **sent)
        if response.status_code >= 300:
            raise Refused(response.status_code, response.content.decode())
        return json.loads(response.content) if operation in _WITHOUT_MODEL else _plain(response.parsed)

    def _client(self, package: str, base_path: str) -> Any:
        if package not in self._clients:
            client = import_module(f"{_RAW_CLIENTS}.{package}").Client
            opened = client(
                base_url=self._connect.base_url + base_path, headers=dict(self._headers), verify_ssl=_NO_AUTHORITIES
            )
            self._clients[package] = self._connect.stack.enter_context(opened)
        return self._clients[package]


class PythonConnect:
    """Opens raw clients at one server; whoever owns `stack` closes them."""

    kind = "python"

    def __init__(self, base_url: str, stack: ExitStack) -> None:
        self.base_url = base_url
        self.stack = stack

    def basic(self, user: str, password: str | None = None) -> PythonClient:
        return PythonClient(self, _basic(f"{user}:{password or user}"))

    def repeating_lists(self, user: str) -> PythonClient:
        """Log in as `basic` does, and let the client send its lists as it is wont to."""
        return PythonClient(self, _basic(f"{user}:{user}"), joins_lists=False)

    def ticket(self, ticket: str) -> PythonClient:
        return PythonClient(self, _basic(ticket))

    def bearer(self, token: str) -> PythonClient:
        return PythonClient(self, f"Bearer {token}")

    def nobody(self) -> PythonClient:
        return PythonClient(self, None)


def _basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def _plain(value: Any) -> Any:
    """Return a model as a dictionary with the names of the wire; what was not sent is not in it."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if not attrs.has(type(value)):
        return value.value if isinstance(value, Enum) else value
    shown = {_camel(field.name): getattr(value, field.name) for field in attrs.fields(type(value))}
    unnamed = shown.pop("additionalProperties", {})
    was_sent = {
        name: one
        for name, one in {**shown, **unnamed}.items()
        if type(one).__name__ != "Unset" and (one != [] or name == "entries")
    }
    return {name: _plain(one) for name, one in was_sent.items()}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", lambda match: "_" + match.group().lower(), name)


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match.group(1).upper(), name.rstrip("_"))

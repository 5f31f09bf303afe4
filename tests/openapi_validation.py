"""Holds every answer of a simulated Alfresco against the official OpenAPI files (Swagger 2.0) and the wire rules.

The files lie in `../shared/alfresco/openapi`. They are read strictly: an object has no property that its definition
does not name, a date is written as the repository writes it, and nothing is null or empty. Deviations are only those
that were seen on real servers, each listed in `_OPTIONAL_IN_REALITY`. Errors count as documented by each operation's
`default` response; a success must be documented by its own status.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml
from jsonschema import Draft4Validator, FormatChecker

from connectors.alfresco.simulator import Simulator

OPENAPI = Path(__file__).resolve().parents[1] / ".." / "shared" / "alfresco" / "openapi"
MISSING = f"the official OpenAPI files are not in {OPENAPI}"

_FILES = ("alfresco-core.yaml", "alfresco-auth.yaml", "alfresco-discovery.yaml", "alfresco-search.yaml")
_JSON = "application/json;charset=UTF-8"

# Required by the files and yet absent in real answers, because empty strings are left out.
_OPTIONAL_IN_REALITY = {
    "Comment": {"title"},  # recorded answers have none
    "Person": {"email", "enabled", "firstName"},  # people without an e-mail address; commenters who are gone
}
# Not so in the files and yet in real answers: parents say whether they are primary (AssocChild), hits say where they
# were found, ids of audit entries are numbers (AuditEntry.getId is a Long, which the repository's own test client
# reads), and a site's group is embedded as a Group (SiteGroup names GroupsEntityResource).
_OTHERWISE_IN_REALITY: Mapping[str, Mapping[str, Any]] = {
    "AssociationInfo": {"isPrimary": {"type": "boolean"}},
    "AuditEntry": {"id": {"type": "integer"}},
    "ResultNode": {"location": {"type": "string"}},
    "SiteGroup": {"group": {"$ref": "#/definitions/Group"}},
}
# The files show these answers bare; the REST framework wraps every entity in `entry`.
_WRAPPED_IN_REALITY = {"#/definitions/AuditApp": "#/definitions/AuditAppEntry"}
# The search file describes an older node; the repository renders hits with the class that it renders all nodes with.
_AS_IN_CORE = ("Node", "PathElement")
_MAY_BE_EMPTY = {"entries", "company"}  # a list's entries are always written, an empty bean stays `{}`
_ALFRESCO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}\+0000")

_IDENTITY_PROVIDER = ("/realms/", "/auth/realms/")
_INDEX_TRACKING = "/alfresco/service/api/solr/"
_SHARE = "/share/page/"

_formats = FormatChecker(formats=())


@_formats.checks("date-time")
def _is_alfresco_date(value: object) -> bool:
    return not isinstance(value, str) or _ALFRESCO_DATE.fullmatch(value) is not None


@dataclass(frozen=True)
class Answer:
    """One answer as it left the server."""

    method: str
    path: str
    status: int
    content_type: str
    body: bytes
    has_all_fields: bool = True  # False: the request asked for some fields only

    def __str__(self) -> str:
        return f"{self.method} {self.path} -> {self.status}"

    def digest(self) -> bytes:
        """Return what two answers share only when they are the same."""
        rest = f"{self.method}\n{self.path}\n{self.status}\n{self.content_type}\n{self.has_all_fields}\n"
        return hashlib.blake2b(rest.encode() + self.body).digest()


@dataclass(frozen=True)
class _Operation:
    """What one file says about one method of one path."""

    path: re.Pattern[str]
    literal_length: int  # characters outside parameters: the more, the more specific the path
    method: str
    responses: Mapping[str, Any]
    definitions: Mapping[str, Any]
    _quick: dict[int, jsonschema_rs.Draft4Validator] = field(default_factory=dict)  # by status

    def violations(self, answer: Answer, body: Any) -> Iterator[str]:
        response = self.responses.get(str(answer.status))
        if response is None and answer.status < 400:
            yield f"{answer}: this status is not documented"
            return
        if answer.status >= 400:
            response = self.responses["default"]
        schema = (response or {}).get("schema")
        if schema is None or schema.get("type") == "file":
            if body is not None:
                yield f"{answer}: a body where none is documented"
            return
        if body is None:
            yield f"{answer}: no JSON body where one is documented"
            return
        if schema.get("$ref") in _WRAPPED_IN_REALITY:
            schema = {"$ref": _WRAPPED_IN_REALITY[schema["$ref"]]}
        whole = {**_strict(schema), "definitions": self.definitions}
        if self._is_good(answer.status, whole, body):
            return
        rules = Draft4Validator(whole, format_checker=_formats)
        for error in rules.iter_errors(body):
            place = list(error.absolute_path)
            if error.validator == "required" and place[-1:] == ["entry"] and not answer.has_all_fields:
                continue
            yield f"{answer}: {'/'.join(map(str, place))}: {error.message}"

    def _is_good(self, status: int, schema: Mapping[str, Any], body: Any) -> bool:
        """Tell good answers, which nearly all are, in a fraction of the time that it takes to say what is wrong."""
        if status not in self._quick:
            formats = {"date-time": _is_alfresco_date}
            self._quick[status] = jsonschema_rs.Draft4Validator(schema, formats=formats, validate_formats=True)
        return self._quick[status].is_valid(body)


class OfficialApi:
    """The operations of all four files."""

    def __init__(self) -> None:
        self._operations = sorted(
            (operation for name in _FILES for operation in _read(OPENAPI / name)),
            key=lambda operation: -operation.literal_length,
        )

    def violations(self, answer: Answer) -> list[str]:
        """Return what is wrong with an answer; nothing, if it is what a real server could have sent."""
        body, complaint = _json_body(answer)
        if complaint:
            return [complaint]
        found = [f"{answer}: {where}: empty or null" for where in _empty_values(body, "")]
        if answer.status >= 400:
            found.extend(_error_violations(answer, body))
            if body is None:
                return found
        operation = self._operation(answer)
        if operation is not None:
            found.extend(operation.violations(answer, body))
        elif answer.status < 400:
            found.append(f"{answer}: this path is not documented")
        return found

    def _operation(self, answer: Answer) -> _Operation | None:
        for operation in self._operations:
            if operation.method == answer.method and operation.path.fullmatch(answer.path):
                return operation
        return None


@cache
def official_api() -> OfficialApi:
    """Read the files once: the largest takes a second."""
    return OfficialApi()


class AnswerWatch:
    """Collects what was wrong with the answers of every simulated server of this process.

    A sync that reads a second time what did not change gets the same answers: nine in ten were found good before.
    """

    def __init__(self) -> None:
        self._violations: list[str] = []
        self._found_good: set[bytes] = set()
        self.answers = 0

    def take(self) -> list[str]:
        """Return the violations since the last call."""
        taken, self._violations = self._violations, []
        return taken

    def look_at(self, answer: Answer) -> None:
        if answer.path.startswith(_IDENTITY_PROVIDER):
            return  # its answers follow RFC 6749, not these files
        if answer.path.startswith(_INDEX_TRACKING):
            return  # internal web scripts, which no file describes and whose templates write empty values
        if answer.path.startswith(_SHARE):
            return  # a web page for people
        self.answers += 1
        digest = answer.digest()
        if digest in self._found_good:
            return
        violations = official_api().violations(answer)
        self._violations.extend(violations)
        if not violations:
            self._found_good.add(digest)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Look at every answer before its client sees it."""
        original = Simulator.__call__

        async def watched(simulator: Simulator, scope: Any, receive: Any, send: Any) -> None:
            held: list[Any] = []
            asked = b""

            async def reading_receive() -> Any:
                nonlocal asked
                message = await receive()
                asked += message.get("body", b"")
                return message

            async def holding_send(message: Any) -> None:
                held.append(message)
                if _is_complete(held):
                    self.look_at(_answer(scope, asked, held))
                    for one in held:
                        await send(one)

            await original(simulator, scope, reading_receive, holding_send)

        Simulator.__call__ = watched  # type: ignore[method-assign]
        try:
            yield
        finally:
            Simulator.__call__ = original  # type: ignore[method-assign]


def _is_complete(messages: list[Any]) -> bool:
    return messages[-1]["type"] == "http.response.body" and not messages[-1].get("more_body", False)


def _answer(scope: Mapping[str, Any], asked: bytes, messages: list[Any]) -> Answer:
    headers = {name.lower(): value.decode("latin-1") for name, value in messages[0]["headers"]}
    return Answer(
        method=scope["method"],
        path=scope["path"],
        status=messages[0]["status"],
        content_type=headers.get(b"content-type", ""),
        body=b"".join(message.get("body", b"") for message in messages[1:]),
        has_all_fields=b"fields=" not in scope["query_string"] and b'"fields"' not in asked,
    )


def _json_body(answer: Answer) -> tuple[Any, str]:
    """Return the parsed body, None unless it is JSON, and a complaint about a body that claims to be."""
    is_document = answer.path.endswith("/content") and answer.status < 400
    if is_document or not answer.content_type.startswith("application/json"):
        return None, ""
    if answer.content_type != _JSON:
        return None, f"{answer}: content type {answer.content_type!r}"
    try:
        return json.loads(answer.body), ""
    except ValueError as error:
        return None, f"{answer}: {error}"


def _empty_values(value: Any, where: str) -> Iterator[str]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in items:
        if one is None or (one in ("", [], {}) and name not in _MAY_BE_EMPTY):
            yield f"{where}/{name}"
        yield from _empty_values(one, f"{where}/{name}")


def _error_violations(answer: Answer, body: Any) -> Iterator[str]:
    """Check what the files do not say of errors."""
    if body is None:
        may_lack_json = answer.status == 416 or (answer.status == 401 and answer.content_type.startswith("text/html"))
        if not may_lack_json:
            yield f"{answer}: an error without its JSON body"
        return
    error = body.get("error", {})
    if error.get("statusCode") != answer.status:
        yield f"{answer}: statusCode is {error.get('statusCode')}"
    if not re.match(r"(0\d|1[01])([012]\d|3[01])\d{4,} ", str(error.get("briefSummary"))):
        yield f"{answer}: briefSummary without log number: {error.get('briefSummary')!r}"


def _read(file: Path) -> Iterator[_Operation]:
    """Yield the operations of one file."""
    document = _document(file)
    described = _with_nodes_of_core(document["definitions"])
    definitions = {name: _definition(name, described) for name in described}
    for path, operations in document["paths"].items():
        full_path = document["basePath"] + path
        literals = re.split(r"\{\w+\}", full_path)
        pattern = re.compile("[^/]+".join(re.escape(literal) for literal in literals))
        for method, operation in operations.items():
            if method == "parameters":
                continue
            yield _Operation(
                path=pattern,
                literal_length=len("".join(literals)),
                method=method.upper(),
                responses={str(status): response for status, response in operation["responses"].items()},
                definitions=definitions,
            )


def _with_nodes_of_core(definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    if "ResultNode" not in definitions:
        return definitions
    core = _document(OPENAPI / _FILES[0])["definitions"]
    return {**core, **definitions, **{name: core[name] for name in _AS_IN_CORE}}


@cache
def _document(file: Path) -> Mapping[str, Any]:
    with file.open(encoding="utf-8") as text:
        document: Mapping[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    return document


def _definition(name: str, definitions: Mapping[str, Any]) -> dict[str, Any]:
    merged = _merged(definitions[name], definitions)
    if name in _OTHERWISE_IN_REALITY:
        merged["properties"] = {**merged["properties"], **_OTHERWISE_IN_REALITY[name]}
    schema = _strict(merged)
    required = set(schema.get("required", ())) - _OPTIONAL_IN_REALITY.get(name, set())
    return {**schema, "required": sorted(required)} if required else _without(schema, "required")


def _merged(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with its `allOf` and their references folded into one object."""
    if "$ref" in schema:
        return _merged(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    merged: dict[str, Any] = dict(_without(schema, "allOf"))
    for part in schema.get("allOf", ()):
        folded = _merged(part, definitions)
        merged["properties"] = {**merged.get("properties", {}), **folded.get("properties", {})}
        merged["required"] = [*merged.get("required", ()), *folded.get("required", ())]
    return merged


def _strict(schema: Any) -> Any:
    """Return a schema in which every object with named properties has no others."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: _strict(value) for name, value in schema.items() if name != "properties"}
    if "properties" in schema:
        strict["properties"] = {name: _strict(value) for name, value in schema["properties"].items()}
        strict["additionalProperties"] = False
    return strict


def _without(schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != name}

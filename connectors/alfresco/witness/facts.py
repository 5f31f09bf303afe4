"""What the server says of one node or one person, asked for by id: its own small records, read from JSON here.

A fact that cannot be had is a `Silence` with its reason, never an empty record. Only a refusal of the account itself,
or of the settings, is raised: then there is nobody to ask.
Source: alfresco-core.yaml and alfresco-search.yaml, the official OpenAPI files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from connectors.alfresco.wire.exchange import CORE, Exchange, operation_of
from connectors.alfresco.wire.faults import AccessRefused, NodeMissing, status_fault
from connectors.alfresco.wire.request_counts import RequestKind
from vocabulary.errors import ConfigurationError, CredentialsRejected, SightlineError

_SEARCH = "/alfresco/api/-default-/public/search/versions/1/search"
_GROUPS_A_PAGE = 1000  # the server has no upper bound (RecognizedParamsExtractor); one request does for most people


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, hide_input_in_errors=True)


class AccessEntry(_Record):
    """One entry of a list: what `authority_id` is allowed, or denied."""

    authority_id: str
    name: str
    access_status: str


class AccessList(_Record):
    """The entries set at one node, and those that reach it from above, of which the distance is not told."""

    is_inheritance_enabled: bool
    locally_set: tuple[AccessEntry, ...] = ()
    inherited: tuple[AccessEntry, ...] = ()


class _User(_Record):
    id: str


class NodeFacts(_Record):
    """A node: its list, where it lies, and what says who owns it; without `permissions` it may not be told."""

    id: str
    parent_id: str | None = None
    created_by_user: _User | None = None
    aspect_names: tuple[str, ...] = ()
    properties: dict[str, Any] = Field(default_factory=dict)
    permissions: AccessList | None = None

    @property
    def owner(self) -> str | None:
        """The owner's id. Source: OwnableServiceImpl, `cm:owner` of an ownable node and the creator of any other."""
        if "cm:ownable" not in self.aspect_names and "cm:owner" not in self.properties:
            return self.created_by_user.id if self.created_by_user is not None else None
        named = self.properties.get("cm:owner")
        return (named.get("id") if isinstance(named, dict) else named) or None


class _Capabilities(_Record):
    is_admin: bool = False
    is_guest: bool = False


class PersonFacts(_Record):
    """A person, without their groups."""

    id: str
    enabled: bool = True
    capabilities: _Capabilities = _Capabilities()


class _Group(_Record):
    id: str


RecordT = TypeVar("RecordT", bound=_Record)


class _Entry(_Record, Generic[RecordT]):
    entry: RecordT


class _Pagination(_Record):
    has_more_items: bool


class _Page(_Record, Generic[RecordT]):
    pagination: _Pagination
    entries: tuple[_Entry[RecordT], ...]


class _Listing(_Record, Generic[RecordT]):
    list: _Page[RecordT]


_NODE = TypeAdapter(_Entry[NodeFacts])
_PERSON = TypeAdapter(_Entry[PersonFacts])
_GROUPS = TypeAdapter(_Listing[_Group])
_HITS = TypeAdapter(_Listing[_Group])  # of a hit, too, nothing but the id is read

BodyT = TypeVar("BodyT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Silence:
    """A fact that the server did not tell, and why: fixed words."""

    reason: str

    @property
    def is_gone(self) -> bool:
        return self is GONE


GONE = Silence("gone")
REFUSED = Silence("access-refused")
UNAVAILABLE = Silence("unavailable")

Told: TypeAlias = NodeFacts | Silence


async def node_facts(exchange: Exchange, node_id: str, *, with_permissions: bool = True) -> NodeFacts | Silence:
    """Ask for one node."""
    parameters = {"include": "permissions"} if with_permissions else {}
    answer = await _asked(exchange, _NODE, f"{CORE}/nodes/{quote(node_id, safe='')}", parameters)
    return answer if isinstance(answer, Silence) else answer.entry


async def person_facts(exchange: Exchange, user: str) -> PersonFacts | Silence:
    """Ask for one person, whom the server finds whatever the case of the name."""
    answer = await _asked(exchange, _PERSON, f"{CORE}/people/{quote(user, safe='')}")
    return answer if isinstance(answer, Silence) else answer.entry


async def groups_of(exchange: Exchange, user: str) -> frozenset[str] | Silence:
    """Ask for every group that a person is in, at any depth; the server tells it to administrators only."""
    found: set[str] = set()
    skipped = 0
    while True:
        paging = {"skipCount": str(skipped), "maxItems": str(_GROUPS_A_PAGE)}
        page = await _asked(exchange, _GROUPS, f"{CORE}/people/{quote(user, safe='')}/groups", paging)
        if isinstance(page, Silence):
            return Silence("groups-refused") if page is REFUSED else page
        found |= {each.entry.id for each in page.list.entries}
        if not page.list.pagination.has_more_items:
            return frozenset(found)
        skipped += _GROUPS_A_PAGE


async def is_found(exchange: Exchange, node_id: str) -> bool | Silence:
    """Ask the server's own search, as whoever the exchange signs in, for one node."""
    body = {
        "query": {"language": "afts", "query": f'ID:"workspace://SpacesStore/{node_id}"'},
        "paging": {"maxItems": 1},
    }
    page = await _asked(exchange, _HITS, _SEARCH, json=body)
    return page if isinstance(page, Silence) else any(hit.entry.id == node_id for hit in page.list.entries)


async def _asked(
    exchange: Exchange,
    shape: TypeAdapter[BodyT],
    path: str,
    parameters: Mapping[str, str] | None = None,
    *,
    json: Any = None,
) -> BodyT | Silence:
    """Send one request and read its answer.

    Raises:
        CredentialsRejected, ConfigurationError: the account, or a setting, is refused.
    """
    method = "GET" if json is None else "POST"
    try:
        answer = await exchange.answer(method, path, kind=RequestKind.WITNESS, parameters=parameters, json=json)
        if answer.response.status_code != 200:
            raise status_fault(answer.response, answer.body, operation_of(answer.response.request))
        return shape.validate_json(answer.body)
    except NodeMissing:
        return GONE
    except AccessRefused:
        return REFUSED
    except (CredentialsRejected, ConfigurationError):
        raise
    except SightlineError:
        return UNAVAILABLE
    except ValidationError:
        return Silence("unreadable-answer")

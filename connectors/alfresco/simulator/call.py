"""One request as the resources see it: who asks, what for, and how the answer is wrapped.

The server reads only the first value of a repeated parameter (the servlet's `getParameter`), and lists of words are
comma-separated in that one value.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, TypeVar

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response

from connectors.alfresco.simulator.login import Caller
from connectors.alfresco.simulator.paging import read_paging
from connectors.alfresco.simulator.where import Conditions, parse_where
from connectors.alfresco.simulator.wire import Bean, JsonAnswer, invalid_argument
from connectors.alfresco.simulator.world import World

T = TypeVar("T")
Handler: TypeAlias = Callable[["Call"], Response]


@dataclass(frozen=True)
class Call:
    """One request to a resource; `caller` is None where no login is needed."""

    world: World
    caller: Caller | None
    method: str
    path_parameters: dict[str, str]
    query: QueryParams
    headers: Headers
    body: bytes = b""
    page_shift: int = 0  # a fault: all pages but the first begin so many entries later

    @property
    def user(self) -> str:
        """Who is logged in."""
        if self.caller is None:
            raise RuntimeError("this resource is served without login")
        return self.caller.user

    @property
    def is_admin(self) -> bool:
        return self.world.directory.is_admin(self.user)

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The query parameters, each with its first value."""
        first: dict[str, str] = {}
        for name, value in self.query.multi_items():
            first.setdefault(name, value)
        return first

    @cached_property
    def include(self) -> frozenset[str]:
        return frozenset(_words(self.parameters.get("include")))

    @cached_property
    def where(self) -> Conditions:
        return parse_where(self.parameters.get("where"))

    def flag(self, name: str) -> bool:
        """Return a boolean parameter, false unless given."""
        return self.parameters.get(name, "").casefold() == "true"

    def order_by(self) -> list[tuple[str, bool]]:
        """Return the fields to sort by and whether each descends."""
        order: list[tuple[str, bool]] = []
        for term in _words(self.parameters.get("orderBy")):
            name, _, direction = term.partition(" ")
            if direction.strip().upper() not in {"", "ASC", "DESC"}:
                raise invalid_argument(f"Invalid sort direction: {direction.strip()}")
            order.append((name, direction.strip().upper() == "DESC"))
        return order

    def sort(
        self, items: Iterable[T], keys: dict[str, Callable[[T], str]], *, default: str, tie: Callable[[T], str]
    ) -> list[T]:
        """Sort by `orderBy` over the given fields, by `default` without it; equals keep the order of `tie`."""
        ordered = sorted(items, key=tie)
        for name, descends in reversed(self.order_by() or [(default, False)]):
            if name not in keys:
                raise invalid_argument(f"{name} is not a supported sort field")
            ordered.sort(key=keys[name], reverse=descends)
        return ordered

    def entry(self, bean: Bean, *, status: int = 200) -> JsonAnswer:
        """Answer with one entity."""
        return JsonAnswer({"entry": self._narrow(bean)}, status=status)

    def page(
        self,
        items: Sequence[T],
        render: Callable[[T], Bean],
        *,
        source: Bean | None = None,
        shows_total: bool = True,
    ) -> JsonAnswer:
        """Answer with the asked part of a list; only that part is rendered."""
        paging = read_paging(self.parameters)
        start = paging.skip_count and max(paging.skip_count + self.page_shift, 0)
        part = items[start : start + paging.max_items]
        fields = _words(self.parameters.get("fields"))
        entries = [{"entry": narrowed(render(item), fields, self.include)} for item in part]
        show_total = shows_total and not self.world.hides_total_items
        listing: dict[str, object] = {
            "pagination": paging.pagination(count=len(entries), total=len(items), show_total=show_total),
            "entries": entries,
        }
        if source is not None:
            listing["source"] = source
        return JsonAnswer({"list": listing})

    def _narrow(self, bean: Bean) -> Bean:
        return narrowed(bean, _words(self.parameters.get("fields")), self.include)


def narrowed(bean: Bean, fields: Collection[str], include: Collection[str]) -> Bean:
    """Keep the fields that `fields` names and those that were included."""
    if not fields:
        return bean
    wanted = {*fields, *(name.partition("/")[0] for name in include)}
    return Bean(**{name: value for name, value in bean.items() if name in wanted})


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]

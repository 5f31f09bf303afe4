"""The keys of a source's settings that say where it looks: sites, folders and aspects. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, model_validator

from connectors.alfresco.scope.property_test import PropertyTest
from connectors.alfresco.scope.setting_types import Name, PrefixedName, SettingsTable

Visibility = Literal["PUBLIC", "MODERATED", "PRIVATE"]


class AspectTest(PropertyTest):
    """An aspect that a file carries, if asked together with a value of a property."""

    name: PrefixedName  # as spelled by the server; sub-aspects are not implied


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


AspectEntry = Annotated[AspectTest, BeforeValidator(_named)]


class ScopeKeys(SettingsTable):
    """Where to look: the trees of `sites` and `folders` add up, and the other keys narrow them."""

    sites: Literal["all"] | tuple[Name, ...] = ()  # site ids
    site_visibility: tuple[Visibility, ...] = ()  # leave out what lies in any other site; empty: no restriction
    folders: tuple[Name, ...] = ()  # "/Company Home/…", or a path below it, or a node id
    aspects: tuple[AspectEntry, ...] = ()  # at least one of them; alone, in the whole repository
    exclude_aspects: tuple[AspectEntry, ...] = ()  # none of them

    @property
    def names_a_place(self) -> bool:
        return bool(self.sites or self.folders or self.aspects)

    @property
    def narrows(self) -> bool:
        return bool(self.site_visibility or self.exclude_aspects)


class ScopeSettings(ScopeKeys):
    """One of several scopes of a source."""

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if not self.names_a_place:
            raise ValueError("say what to crawl: at least one of sites, folders and aspects")
        return self

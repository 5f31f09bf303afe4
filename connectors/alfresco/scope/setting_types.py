"""What the tables of an Alfresco source's settings have in common: strictness, and the names of its content models."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class SettingsTable(BaseModel):
    """One table of settings: frozen, unknown keys are refused, and no error repeats a value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _prefixed(name: str) -> str:
    prefix, colon, local_name = name.partition(":")
    if not (prefix and colon and local_name):
        raise ValueError("expected a prefixed name such as acme:indexed")
    return name


PrefixedName = Annotated[str, AfterValidator(_prefixed)]  # of a type, an aspect or a property
Name = Annotated[str, Field(min_length=1)]

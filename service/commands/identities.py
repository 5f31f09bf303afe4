"""`identities`: who is who, where names do not tell: `list`, `map` and `unmap`, as `/admin/identities` has them."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from acl import MatchOutcome
from service.admin.command_line import command_line
from service.admin.identity_desk import IdentityDesk, ListedMapping, Mappings, Saying
from service.commands.terminal import (
    ConfigOption,
    JsonOption,
    console,
    print_json,
    print_note,
    print_problem,
    print_table,
    printable,
)
from service.reader import issuer_meant
from service.routes.admin_identities import mapping_answer
from service.settings.settings import Settings, load_settings, settings_file
from service.wiring import open_state

identities = typer.Typer(help="Say who users of an issuer are in a source, where their names do not tell.")

_User = Annotated[str, typer.Argument(metavar="USER", help="As the issuer's tokens name them.")]
_Source = Annotated[str, typer.Argument(metavar="SOURCE", help="The source's name.")]
_Issuer = Annotated[
    str | None, typer.Option("--issuer", metavar="ISSUER", help="Whose user. Default: the only [[tokens]] issuer.")
]


@identities.command("list")
def list_mappings(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List every mapping, of the state store and of the file."""
    settings = load_settings(settings_file(config))
    mappings = asyncio.run(_listed(settings))
    if as_json:
        print_json([mapping_answer(each).model_dump(mode="json") for each in mappings.listed])
    elif mappings.listed:
        columns = ["user", "issuer", "source", "person", "kept in", "made by", "at"]
        print_table(columns, [_row(each) for each in mappings.listed])
    else:
        console().print("No mappings.")
    for problem in mappings.file_problems:
        print_problem(f"identities.file: {problem}")


@identities.command("map")
def map_user(
    user: _User,
    source: _Source,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="The source's own id of the person.")],
    *,
    issuer: _Issuer = None,
    config: ConfigOption = None,
) -> None:
    """Say that a user is a person of a source, whatever their names say. The next request obeys."""
    _say(load_settings(settings_file(config)), user, source, person, issuer=issuer)


@identities.command("unmap")
def unmap_user(user: _User, source: _Source, *, issuer: _Issuer = None, config: ConfigOption = None) -> None:
    """Let a user's names tell again who they are in a source."""
    _say(load_settings(settings_file(config)), user, source, None, issuer=issuer)


def _say(settings: Settings, user: str, source: str, person: str | None, *, issuer: str | None) -> None:
    saying = Saying(issuer_meant(settings, issuer), user, source, person)
    effect = asyncio.run(_said(settings, saying))
    console().print(f"{printable(user)} in {source}: {effect}", markup=False)
    if effect is MatchOutcome.MAPPINGS_DISAGREE:
        print_note("the file of identity mappings names somebody else")


async def _said(settings: Settings, saying: Saying) -> MatchOutcome:
    async with open_state(settings) as state:
        return await IdentityDesk(settings, state).say(command_line(), saying)


async def _listed(settings: Settings) -> Mappings:
    async with open_state(settings) as state:
        return await IdentityDesk(settings, state).mappings()


def _row(listed: ListedMapping) -> list[object]:
    mapping = listed.mapping
    kept_in = "file" if listed.is_of_file else "state"
    return [
        mapping.user,
        mapping.issuer,
        mapping.source,
        mapping.person,
        kept_in,
        listed.made_by,
        listed.made_at,
    ]

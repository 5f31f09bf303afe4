"""`backup`: copies of the state store and the embedded indexes while they are in use, all as of one instant."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer

from indexer.backends.embedded.backup import back_up, disown
from service.admin.acts import Act
from service.commands.recorded import recorded_act
from service.commands.terminal import ConfigOption, ExitCode, JsonOption, console, print_json, print_problem
from service.settings.indexes import EmbeddedIndexSettings
from service.settings.settings import Settings, load_settings, settings_file

_LIST = "backup.json"  # which copy belongs where
_STATE = "state.db"


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that does not exist yet, or is empty.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the state store and every embedded index, all as of one instant, while they are in use."""
    settings = load_settings(settings_file(config))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        print_problem(f"{folder}: is there already; name a new folder")
        raise typer.Exit(ExitCode.MISUSED)
    with recorded_act(settings, Act.BACKUP, subject=str(folder.resolve())):  # which makes the state store, too
        state = _state_file(settings)
        copies = {path: name for name, path in {**({_STATE: state} if state else {}), **_index_files(settings)}.items()}
        _copy(copies, folder, is_with_state=state is not None)
    notices = _not_copied(settings, state)
    if as_json:
        print_json({"folder": str(folder), "copies": _listed(copies), "not_copied": notices})
        return
    console().print(f"Copied {', '.join(copies.values()) or 'nothing'} to {folder}.", markup=False)
    for notice in notices:
        console().print(notice, markup=False)


def _copy(copies: dict[Path, str], folder: Path, *, is_with_state: bool) -> None:
    """Make the copies beside the folder and put it in its place when all are whole."""
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o700)
    back_up({source: unfinished / name for source, name in copies.items()})
    if not is_with_state:
        for name in copies.values():
            disown(unfinished / name)
    listed = {"taken_at": datetime.now(UTC).isoformat(timespec="seconds"), "copies": _listed(copies)}
    (unfinished / _LIST).write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(folder)


def _listed(copies: dict[Path, str]) -> dict[str, str]:
    return {name: str(source) for source, name in copies.items()}


def _state_file(settings: Settings) -> Path | None:
    """Return the state store's file; None where a database server keeps it."""
    url = sa.make_url(settings.state.url)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def _index_files(settings: Settings) -> dict[str, Path]:
    """Return every building of every embedded index by the name of its copy: PATH, and PATH.2 and so on."""
    files = {}
    for name, configured in settings.indexes.items():
        if isinstance(configured, EmbeddedIndexSettings):
            path = configured.path
            later = sorted(each for each in path.parent.glob(f"{path.name}.*") if each.suffix[1:].isdigit())
            for each in (path, *later):
                if each.exists():
                    files[f"index-{name}.db{each.name.removeprefix(path.name)}"] = each
    return files


def _not_copied(settings: Settings, state: Path | None) -> list[str]:
    """Say what somebody else must copy, and what a restored copy will do."""
    notices = []
    if state is None:
        notices.append(
            "Not copied: the state store, which its database server keeps (pg_dump)."
            " The copied indexes, restored, show nothing until a full or permissions sync has read who may read what."
        )
    elsewhere = [name for name, each in settings.indexes.items() if not isinstance(each, EmbeddedIndexSettings)]
    if elsewhere:
        notices.append(
            f"Not copied: {', '.join(elsewhere)}, which OpenSearch keeps (snapshots). Take one while no sync runs,"
            " together with this backup, and restore both."
        )
    return notices

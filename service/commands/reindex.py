"""`reindex` and `migrate-index`: an index built anew, or moved to another engine, while it answers and is written.

Both may be interrupted at any time and started again: they go on where they were.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from indexer.reindexing import (
    AnswersCompared,
    FollowedWrites,
    Phase,
    Place,
    Reindexing,
    ReindexingRefused,
    Standing,
    next_generation,
)
from indexer.search.analysis import ALGORITHMS
from service.admin.acts import Act
from service.admin.command_line import command_line
from service.commands.terminal import (
    ConfigOption,
    ExitCode,
    JsonOption,
    console,
    counted,
    error_console,
    print_json,
    print_problem,
    print_table,
)
from service.enrichers import Enrichers
from service.http.server import cancelled_by_signals
from service.settings.settings import Settings, load_settings, settings_file
from service.wiring import State, make_reindexing, open_state
from vocabulary.errors import IndexUnknown, SettingInvalid

_PHASES = {
    Phase.NONE: "no copy",
    Phase.BUILDING: "a copy is being built",
    Phase.FORMER: "the former index is kept",
}


def reindex(  # noqa: PLR0917 - options of a command are given by name
    index: Annotated[str, typer.Argument(metavar="INDEX", help="The index's name.")],
    model: Annotated[
        str | None,
        typer.Option(help="Embed every passage anew with this model: a name or folder, as [embedder] model."),
    ] = None,
    languages: Annotated[
        str | None,
        typer.Option(metavar="CODES", help="Analyse texts anew in these languages, as `en,de`; `none`: no stemming."),
    ] = None,
    status: Annotated[bool, typer.Option("--status", help="Only say how the index and its copy stand.")] = False,
    back: Annotated[bool, typer.Option("--back", help="Make the former index take its place again.")] = False,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Remove the former index, or an unfinished copy, for good.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build an index anew from its own rows and switch to it, while it answers and is written. No source is read."""
    if status + back + drop_old + (model is not None or languages is not None) > 1:
        print_problem("--status, --back and --drop-old stand alone")
        raise typer.Exit(ExitCode.MISUSED)
    settings = _settings_with(index, config)
    if status:
        _print_standing(asyncio.run(_standing(settings, index)), as_json=as_json)
    elif drop_old:
        dropped = _run(_drop(settings, index))
        _print_done(dropped, f"Removed what was kept at {_spelled(dropped)}", as_json=as_json)
    elif back:
        _print_switched(_run(_go_back(settings, index)), as_json=as_json)
    else:
        _print_switched(
            _run(_build(settings, index, model=_model_name(model), languages=_language_codes(languages))),
            as_json=as_json,
        )


def migrate_index(
    index: Annotated[str, typer.Argument(metavar="INDEX", help="The index's name.")],
    to: Annotated[str, typer.Option("--to", metavar="OTHER", help="The index of the settings whose place it takes.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move an index to where another one's settings lead, to another engine too, while it answers and is written."""
    settings = _settings_with(index, config)
    if to not in settings.indexes or to == index:
        raise IndexUnknown(f"no other index of that name: {to} (there are: {', '.join(settings.indexes)})")
    if settings.sources_of(to):
        raise SettingInvalid(f"indexes.{to}: sources feed it ({', '.join(settings.sources_of(to))}); only one is moved")
    _print_switched(_run(_build(settings, index, to=to)), as_json=as_json)


def _settings_with(index: str, config: Path | None) -> Settings:
    settings = load_settings(settings_file(config))
    if index not in settings.indexes:
        raise IndexUnknown(f"no such index: {index} (there are: {', '.join(settings.indexes) or 'none'})")
    return settings


def _model_name(model: str | None) -> str:
    """Name a model as every process can find it: a folder by its whole path."""
    if not model:
        return ""
    return str(Path(model).expanduser().resolve()) if "/" in model else model


def _language_codes(codes: str | None) -> tuple[str, ...] | None:
    if codes is None:
        return None
    chosen = () if codes == "none" else tuple(codes.split(","))
    unknown = [code for code in chosen if code not in ALGORITHMS]
    if unknown:
        print_problem(f"--languages: {', '.join(unknown)}: expected some of {', '.join(sorted(ALGORITHMS))}, or none")
        raise typer.Exit(ExitCode.MISUSED)
    return chosen


def _run(work: Any) -> Any:
    try:
        return asyncio.run(work)
    except asyncio.CancelledError:
        print_problem("interrupted; the same command goes on from here")
        raise typer.Exit(ExitCode.FAILED) from None


async def _build(
    settings: Settings, index: str, *, model: str = "", languages: tuple[str, ...] | None = None, to: str = ""
) -> dict[str, Any]:
    with cancelled_by_signals(), _progress(index) as show:
        async with _reindexing(settings, index, show) as (state, reindexing):
            standing = await state.places.read(index)
            copy = _moved(standing, to) if to else next_generation(standing, model=model, languages=languages)
            act, asked = (Act.MIGRATE_INDEX if to else Act.REINDEX), {"to": asdict(copy)}
            async with state.acts.record(command_line(), act, subject=index, parameters=asked):
                return _switched_json(await state.places.read(index), copy, await reindexing.build(copy))


async def _go_back(settings: Settings, index: str) -> dict[str, Any]:
    with cancelled_by_signals(), _progress(index) as show:
        async with _reindexing(settings, index, show) as (state, reindexing):
            standing = await state.places.read(index)
            async with state.acts.record(command_line(), Act.REINDEX, subject=index, parameters={"back": True}):
                answers = await reindexing.go_back()
            return _switched_json(standing, (await state.places.read(index)).place, answers)


async def _drop(settings: Settings, index: str) -> dict[str, Any]:
    async with open_state(settings) as state:
        unloaded = Enrichers(settings.embedder)  # nothing is opened, so that no model is needed
        reindexing = await asyncio.to_thread(
            make_reindexing, settings, state, unloaded, index, on_progress=lambda _: None
        )
        async with state.acts.record(command_line(), Act.REINDEX, subject=index, parameters={"drop_old": True}):
            return asdict(await reindexing.drop())


async def _standing(settings: Settings, index: str) -> dict[str, Any]:
    async with open_state(settings) as state:
        standing = await state.places.read(index)
        behind = await FollowedWrites(state.places).count(index)
    return _standing_json(standing, behind=behind, now=state.places.clock())


@asynccontextmanager
async def _reindexing(
    settings: Settings, index: str, show: Callable[[Standing], None]
) -> AsyncIterator[tuple[State, Reindexing]]:
    async with open_state(settings) as state, Enrichers(settings.embedder) as enrichers:
        yield state, await asyncio.to_thread(make_reindexing, settings, state, enrichers, index, on_progress=show)


def _moved(standing: Standing, to: str) -> Place:
    """The place that an index is moved to; its vectors stay those of its model."""
    if standing.place.index == to:
        raise ReindexingRefused(f"index {standing.index!r} is there already")
    if standing.copy is not None and standing.copy.index == to and standing.phase is not Phase.FORMER:
        return standing.copy
    return Place(to, model=standing.place.model, languages=standing.place.languages)


@contextmanager
def _progress(index: str) -> Iterator[Callable[[Standing], None]]:
    """Show how many documents are copied; without a terminal, nothing."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(20),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=error_console(), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(f"{index}: copying", total=None)

        def show(standing: Standing) -> None:
            words = f"{index}: {standing.copied} of {standing.expected} documents copied"
            progress.update(task, description=words, total=standing.expected or None, completed=standing.copied)

        yield show


def _switched_json(before: Standing, now: Place, answers: AnswersCompared) -> dict[str, Any]:
    return {"index": before.index, "from": asdict(before.place), "to": asdict(now), "compared": asdict(answers)}


def _standing_json(standing: Standing, *, behind: int, now: float) -> dict[str, Any]:
    began = standing.began_at
    return {
        "index": standing.index,
        "phase": standing.phase,
        "place": asdict(standing.place),
        "copy": None if standing.copy is None else asdict(standing.copy),
        "copied": standing.copied,
        "expected": standing.expected,
        "writes_to_follow": behind,
        "at_work": standing.is_held(now),
        "began_at": None if began is None else datetime.fromtimestamp(began, UTC),
    }


def _print_standing(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    copied = f"{found['copied']} of {found['expected']}" if found["copy"] else None
    row = [
        found["index"],
        _PHASES[Phase(found["phase"])],
        _spelled(found["place"]),
        _spelled(found["copy"]),
        copied,
        found["writes_to_follow"],
        "yes" if found["at_work"] else "no",
    ]
    print_table(["index", "standing", "kept at", "copy at", "copied", "writes to follow", "at work"], [row])


def _print_switched(done: dict[str, Any], *, as_json: bool) -> None:
    compared = done["compared"]
    documents = counted(compared["copy"]["documents"], "document")
    alike = f"{compared['questions_alike']} of {compared['questions_asked']} questions answered alike"
    words = f"{done['index']} is now kept at {_spelled(done['to'])}: {documents}, {alike}. "
    _print_done(done, words + "The former index is kept: --back returns to it, --drop-old removes it.", as_json=as_json)


def _print_done(done: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        print_json(done)
    else:
        console().print(words, markup=False)


def _spelled(place: dict[str, Any] | None) -> str | None:
    """Spell a place as the settings and the files do: `private`, `private.2`."""
    if place is None:
        return None
    number = "" if place["generation"] == 1 else f".{place['generation']}"
    return f"{place['index']}{number}" + (f" (model {place['model']})" if place["model"] else "")

"""`sync --stop`: ask runs to end in order, whichever program carries them out."""

from __future__ import annotations

from collections.abc import Sequence

from service.admin.acts import Act
from service.admin.command_line import command_line
from service.commands.terminal import console
from service.settings.settings import Settings
from service.wiring import open_state
from vocabulary.errors import NoSyncUnderWay


async def stop_syncs(settings: Settings, sources: Sequence[str]) -> None:
    """Ask the run of each source that is under way to stop at its next page.

    Raises:
        NoSyncUnderWay: of none of the sources.
    """
    stopped = 0
    async with open_state(settings) as state:
        for source in sources:
            run = await state.runs.under_way(source)
            if run is None:
                continue
            async with state.acts.record(command_line(), Act.STOP_SYNC, subject=source) as act:
                is_asked = await state.runs.ask_to_stop(run.id)
                act.outcome = f"asked to stop: run {run.id}" if is_asked else "over already"
            if is_asked:
                console().print(f"{source}: run {run.id} ({run.mode}) ends at its next page")
                stopped += 1
    if not stopped:
        raise NoSyncUnderWay(f"no sync is under way of {', '.join(sources)}")

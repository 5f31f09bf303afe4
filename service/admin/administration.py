"""What the routes under /admin work on: the keys, the log of acts, and what is open anyway."""

from __future__ import annotations

from dataclasses import dataclass

from service.admin.administrators import Administrators
from service.scheduling.scheduler import Scheduler
from service.search import SearchService
from service.settings.settings import Settings
from service.wiring import State
from vocabulary.errors import SourceUnknown


@dataclass(frozen=True, slots=True)
class Administration:
    """The keys, and what they open."""

    administrators: Administrators
    settings: Settings
    state: State
    search: SearchService
    scheduler: Scheduler | None  # None: no key starts syncs

    def require_source(self, source: str) -> None:
        """Make sure that there is such a source.

        Raises:
            SourceUnknown: there is none.
        """
        if source not in self.settings.sources:
            raise SourceUnknown("no such source")


def administration_of(
    settings: Settings, state: State, search: SearchService, scheduler: Scheduler | None
) -> Administration | None:
    """Put together what the admin API needs; without a key in the settings there is none."""
    if not settings.admin_keys:
        return None
    return Administration(Administrators(settings.admin_keys), settings, state, search, scheduler)

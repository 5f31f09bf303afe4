"""When a source is synced: the `schedule` of a source, and `[scheduler]`, which all sources share.

What could never run is refused at the start: an expression that is none or that no day matches, a time zone that
nobody knows, a table without a single time.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Self

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from vocabulary.ports import SyncMode

_CRON_FIELDS = 5
_FROM_THE_START = datetime(2000, 1, 1, tzinfo=UTC)  # whether an expression ever matches depends on no clock
_DAY_S = 86_400.0


def _cron(expression: str) -> str:
    if len(expression.split()) != _CRON_FIELDS:
        raise ValueError('expected five fields: minute, hour, day of the month, month, day of the week ("0 2 * * *")')
    try:
        next(CronSim(expression, _FROM_THE_START))
    except CronSimError as error:
        raise ValueError(f"not a cron expression: {str(error).lower()}") from None
    except StopIteration:
        raise ValueError("no day ever matches it") from None
    return expression


def _zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of the database, such as "Europe"
        raise ValueError('no such time zone (expected a name such as "Europe/Berlin" or "UTC")') from None
    return name


Cron = Annotated[str, AfterValidator(_cron)]
ZoneName = Annotated[str, AfterValidator(_zone)]


MODE_OF_KEY: Mapping[str, SyncMode] = {
    "content": SyncMode.FULL,
    "changes": SyncMode.CHANGES,
    "permissions": SyncMode.PERMISSIONS,
    "identities": SyncMode.IDENTITIES,
    "audit": SyncMode.AUDIT,
}


class Missed(StrEnum):
    """What becomes of times that passed while no scheduler was running, however many they were."""

    RUN_ONCE = "run-once"
    SKIP = "skip"


class Overlap(StrEnum):
    """What a due job does when another one of its source is under way."""

    PREEMPT = "preempt"  # permissions interrupt a crawl of documents, which then goes on; others wait
    WAIT = "wait"
    SKIP = "skip"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SourceSchedule(_Frozen):
    """The times of one source, one cron expression for each mode; a mode without one is left to people."""

    content: Cron | None = None
    changes: Cron | None = None
    permissions: Cron | None = None
    identities: Cron | None = None
    audit: Cron | None = None
    timezone: ZoneName = "UTC"
    jitter_s: Annotated[float, Field(ge=0, le=_DAY_S)] = 30.0  # spreads sources that share a time and a server
    missed: Missed = Missed.RUN_ONCE
    overlap: Overlap = Overlap.PREEMPT

    @model_validator(mode="after")
    def _names_a_time(self) -> Self:
        if not self.crons:
            raise ValueError("names no time: content, changes, permissions, identities or audit")
        return self

    @property
    def crons(self) -> dict[str, str]:
        """The expressions by the keys that hold them."""
        written = {key: getattr(self, key) for key in MODE_OF_KEY}
        return {key: expression for key, expression in written.items() if expression is not None}


class SchedulerSettings(_Frozen):
    """How much a scheduler does at once, and how it stops."""

    # Two crawls keep one machine busy; more make each of them slower.
    concurrent_sources: Annotated[int, Field(ge=1, le=64)] = 2
    drain_s: Annotated[float, Field(ge=0, le=_DAY_S)] = 30.0

"""Wrappers around a connector's calls: the one place that retries.

A wrapped stream keeps the port's contract. What still fails after the last attempt is raised as it is, and nobody
above tries it again within the run.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import tenacity

from vocabulary.documents import Change, Checkpoint
from vocabulary.errors import RetryableError

T = TypeVar("T")

ChangeStream: TypeAlias = Callable[[Checkpoint | None], AsyncIterator[Change]]  # a connector's, from a place on


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently to try again.

    The waits grow from `first_wait_s` by doubling, with full jitter, up to `longest_wait_s`; a wait that the other
    side asked for is kept when it is longer, up to `longest_asked_wait_s`.
    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    attempts: int = 6  # about a minute in all: a restart of the source's web container
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0
    longest_asked_wait_s: float = 300.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def wait_s(self, attempt: int, error: BaseException | None) -> float:
        """How long to wait after the given attempt, counted from 1, has failed."""
        ceiling_s = min(self.first_wait_s * 2 ** (attempt - 1), self.longest_wait_s)
        asked_s = error.retry_after_s if isinstance(error, RetryableError) else None
        jittered_s = random.uniform(0.0, ceiling_s)  # noqa: S311 - jitter, not a secret
        return max(jittered_s, min(asked_s or 0.0, self.longest_asked_wait_s))

    async def call(self, action: Callable[[], Awaitable[T]]) -> T:
        """Await the action, again after each `RetryableError`; the last one is raised."""
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=lambda state: self.wait_s(state.attempt_number, _error(state)),
            retry=tenacity.retry_if_exception_type(RetryableError),
            sleep=self.sleep,
            reraise=True,
        )

        async def attempt() -> T:  # the library awaits what it sees to be a coroutine function, and no lambda is one
            return await action()

        return await retrying(attempt)


async def _nothing() -> None:
    """Nobody needs to know."""


async def resumed(
    stream: ChangeStream,
    start: Checkpoint | None,
    policy: RetryPolicy,
    *,
    on_resumption: Callable[[], Awaitable[None]] = _nothing,
) -> AsyncIterator[Change]:
    """A connector's stream that goes on from its last checkpoint after a passing fault.

    A replay yields changes a second time; attempts are counted anew after each checkpoint that was reached.
    `on_resumption` is awaited before the source is asked again.
    """
    position, failed = start, 0
    while True:
        try:
            async for change in stream(position):
                yield change
                if isinstance(change, Checkpoint):
                    position, failed = change, 0
        except RetryableError as error:
            failed += 1
            if failed >= policy.attempts:
                raise
            await on_resumption()
            await policy.sleep(policy.wait_s(failed, error))
        else:
            return


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None

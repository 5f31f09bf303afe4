import pytest

from indexer.layers import RetryPolicy, resumed
from tests.fakes.scripted_source import numbered
from vocabulary.documents import Checkpoint, Upsert
from vocabulary.errors import CredentialsRejected, RateLimited, RetryableError, SourceUnavailable


class Sleeper:
    """Remembers the waits it was asked for and waits for none."""

    def __init__(self) -> None:
        self.waits_s: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waits_s.append(seconds)


def failing(errors: list[Exception]):
    async def action() -> str:
        if errors:
            raise errors.pop(0)
        return "done"

    return action


async def test_a_call_is_repeated_until_it_succeeds() -> None:
    sleeper = Sleeper()
    policy = RetryPolicy(attempts=3, sleep=sleeper)
    assert await policy.call(failing([SourceUnavailable("503"), SourceUnavailable("503")])) == "done"
    assert len(sleeper.waits_s) == 2


async def test_the_last_error_is_raised_as_it_is() -> None:
    last = SourceUnavailable("third")
    policy = RetryPolicy(attempts=3, sleep=Sleeper())
    with pytest.raises(SourceUnavailable) as raised:
        await policy.call(failing([SourceUnavailable("first"), SourceUnavailable("second"), last]))
    assert raised.value is last


async def test_what_is_not_retryable_is_raised_at_once() -> None:
    sleeper = Sleeper()
    with pytest.raises(CredentialsRejected):
        await RetryPolicy(sleep=sleeper).call(failing([CredentialsRejected("401")]))
    assert sleeper.waits_s == []


@pytest.mark.parametrize(("asked_s", "waited_s"), [(40.0, 40.0), (9_000.0, 300.0)])
async def test_a_wait_that_the_source_asks_for_is_kept_within_reason(asked_s: float, waited_s: float) -> None:
    sleeper = Sleeper()
    await RetryPolicy(sleep=sleeper).call(failing([RateLimited("429", retry_after_s=asked_s)]))
    assert sleeper.waits_s == [waited_s]


async def test_waits_grow_and_stay_below_the_longest() -> None:
    sleeper = Sleeper()
    policy = RetryPolicy(attempts=12, longest_wait_s=5.0, sleep=sleeper)
    await policy.call(failing([SourceUnavailable("503")] * 11))
    assert all(0.0 <= wait <= min(2.0**place, 5.0) for place, wait in enumerate(sleeper.waits_s))


async def test_a_crawl_goes_on_from_its_last_checkpoint() -> None:
    source = numbered(40)
    source.faults = {2: [SourceUnavailable("503")]}
    policy = RetryPolicy(sleep=Sleeper())
    changes = [change async for change in resumed(source.crawl, None, policy)]
    assert source.crawled_from == [None, '{"page": 2}']
    assert len({change.document.id for change in changes if isinstance(change, Upsert)}) == 40


async def test_attempts_are_counted_anew_after_each_checkpoint() -> None:
    source = numbered(40)
    source.faults = {page: [SourceUnavailable("503")] * 2 for page in range(4)}
    policy = RetryPolicy(attempts=3, sleep=Sleeper())
    assert sum(isinstance(change, Checkpoint) for change in [c async for c in resumed(source.crawl, None, policy)]) == 4


async def test_a_crawl_that_makes_no_progress_gives_up() -> None:
    source = numbered(40)
    faults: list = [SourceUnavailable(f"fault {number}") for number in range(5)]
    source.faults = {1: faults}
    with pytest.raises(RetryableError, match="fault 2"):
        async for _ in resumed(source.crawl, None, RetryPolicy(attempts=3, sleep=Sleeper())):
            pass


async def test_a_consumer_may_stop_in_the_middle() -> None:
    source, sleeper = numbered(40), Sleeper()
    crawl = resumed(source.crawl, None, RetryPolicy(sleep=sleeper))
    assert isinstance(await anext(crawl), Upsert)
    await crawl.aclose()
    assert source.crawled_from == [None]  # taken for no fault: nothing was begun again
    assert sleeper.waits_s == []

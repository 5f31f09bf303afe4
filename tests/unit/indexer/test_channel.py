import asyncio
from dataclasses import dataclass

import pytest

from indexer.channel import Channel, ChannelClosed


@dataclass(frozen=True)
class Parcel:
    weight: int


async def test_gives_items_in_order_and_ends_when_closed() -> None:
    channel: Channel[Parcel] = Channel(max_items=5, max_weight=100)
    for weight in (1, 2, 3):
        await channel.put(Parcel(weight))
    await channel.close()
    assert [(await channel.get()).weight for _ in range(3)] == [1, 2, 3]
    with pytest.raises(ChannelClosed):
        await channel.get()


@pytest.mark.parametrize(("max_items", "max_weight"), [(2, 100), (10, 4)], ids=["by count", "by weight"])
async def test_a_full_channel_holds_its_producer_until_something_is_taken(max_items: int, max_weight: int) -> None:
    channel: Channel[Parcel] = Channel(max_items=max_items, max_weight=max_weight)
    await channel.put(Parcel(2))
    await channel.put(Parcel(2))
    third = asyncio.create_task(channel.put(Parcel(2)))
    await asyncio.sleep(0)
    assert not third.done()
    await channel.get()
    await third


async def test_an_item_heavier_than_the_bound_passes_alone() -> None:
    channel: Channel[Parcel] = Channel(max_items=5, max_weight=10)
    await channel.put(Parcel(50))
    lighter = asyncio.create_task(channel.put(Parcel(1)))
    await asyncio.sleep(0)
    assert not lighter.done()
    assert (await channel.get()).weight == 50
    await lighter


async def test_a_batch_takes_what_is_there_within_its_bounds() -> None:
    channel: Channel[Parcel] = Channel(max_items=10, max_weight=100)
    for weight in (5, 5, 5, 5):
        await channel.put(Parcel(weight))
    assert len(await channel.get_batch(max_items=10, max_weight=12)) == 2
    assert len(await channel.get_batch(max_items=1, max_weight=100)) == 1
    assert len(await channel.get_batch(max_items=10, max_weight=100)) == 1


async def test_a_waiting_consumer_ends_when_the_channel_closes() -> None:
    channel: Channel[Parcel] = Channel(max_items=1, max_weight=1)
    waiting = asyncio.create_task(channel.get())
    await asyncio.sleep(0)
    await channel.close()
    with pytest.raises(ChannelClosed):
        await waiting

import hashlib

import pytest

from indexer.content import spooled_content
from indexer.layers import RetryPolicy
from tests.fakes.scripted_source import SOURCE, ScriptedSource
from vocabulary.documents import DocumentId
from vocabulary.errors import ContentUnavailable, SourceUnavailable, TooLarge

ID = DocumentId(SOURCE, "a")


@pytest.fixture
def source() -> ScriptedSource:
    source = ScriptedSource()
    source.put("a", "twelve bytes")
    return source


async def no_wait(_: float) -> None:
    """Go on at once."""


POLICY = RetryPolicy(attempts=2, sleep=no_wait)


async def test_the_bytes_lie_in_a_file_that_is_gone_afterwards(source: ScriptedSource) -> None:
    async with spooled_content(source, ID, policy=POLICY, max_bytes=100) as content:
        assert content.path.read_bytes() == b"twelve bytes"
        assert (content.size_bytes, content.sha256) == (12, hashlib.sha256(b"twelve bytes").hexdigest())
    assert not content.path.exists()


async def test_a_broken_transfer_begins_again(source: ScriptedSource) -> None:
    source.content_faults["a"] = [SourceUnavailable("reset")]
    async with spooled_content(source, ID, policy=POLICY, max_bytes=100) as content:
        assert content.size_bytes == 12


async def test_a_transfer_that_keeps_breaking_is_content_unavailable(source: ScriptedSource) -> None:
    source.content_faults["a"] = [SourceUnavailable("reset")] * 2
    with pytest.raises(ContentUnavailable, match="reset"):
        async with spooled_content(source, ID, policy=POLICY, max_bytes=100):
            pass


async def test_more_than_the_limit_is_not_read(source: ScriptedSource) -> None:
    with pytest.raises(TooLarge, match="11 bytes"):
        async with spooled_content(source, ID, policy=POLICY, max_bytes=11):
            pass

import hashlib

import pytest

from indexer.content import Spool
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


def spooling(source: ScriptedSource, *, max_bytes: int = 100) -> Spool:
    return Spool(source, policy=POLICY, max_bytes=max_bytes)


async def test_the_bytes_lie_in_a_file_that_is_gone_afterwards(source: ScriptedSource) -> None:
    with spooling(source) as spool:
        content = await spool.content(ID)
        assert content.path.read_bytes() == b"twelve bytes"
        assert (content.size_bytes, content.sha256) == (12, hashlib.sha256(b"twelve bytes").hexdigest())
    assert not content.path.exists()


async def test_nothing_of_a_longer_document_is_left_in_the_next_one(source: ScriptedSource) -> None:
    source.put("b", "short")
    with spooling(source) as spool:
        await spool.content(ID)
        assert (await spool.content(DocumentId(SOURCE, "b"))).path.read_bytes() == b"short"


async def test_a_broken_transfer_begins_again(source: ScriptedSource) -> None:
    source.content_faults["a"] = [SourceUnavailable("reset")]
    with spooling(source) as spool:
        assert (await spool.content(ID)).path.read_bytes() == b"twelve bytes"


async def test_a_transfer_that_keeps_breaking_is_content_unavailable(source: ScriptedSource) -> None:
    source.content_faults["a"] = [SourceUnavailable("reset")] * 2
    with spooling(source) as spool, pytest.raises(ContentUnavailable, match="reset"):
        await spool.content(ID)


async def test_more_than_the_limit_is_not_read(source: ScriptedSource) -> None:
    with spooling(source, max_bytes=11) as spool, pytest.raises(TooLarge, match="11 bytes"):
        await spool.content(ID)

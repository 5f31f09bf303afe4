"""What passes between parent and child, and what the parent refuses to believe."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.extraction import wire
from indexer.extraction.blocks import MAX_BLOCK_CHARS, Reason
from vocabulary.documents import Block, BlockKind

BLOCKS = st.lists(
    st.builds(Block, st.text(min_size=1), st.sampled_from(BlockKind), st.one_of(st.none(), st.integers(1, 9999)))
)


def sent(message: Mapping[str, object]) -> dict[str, object]:
    encoded = wire.encode(message)
    header, body = encoded[: wire.HEADER_BYTES], encoded[wire.HEADER_BYTES :]
    assert wire.body_length(header) == len(body)
    return dict(wire.decode(body))


@given(BLOCKS)
def test_blocks_arrive_as_they_were_sent(blocks: list[Block]) -> None:
    assert wire.read_blocks(sent(wire.blocks_message(blocks))) == blocks


def test_the_longest_honest_message_is_not_refused() -> None:
    longest = wire.BATCH_CHARS - 1, MAX_BLOCK_CHARS
    message = wire.blocks_message([Block("\U0001f600" * length) for length in longest])
    assert wire.body_length(wire.encode(message)[: wire.HEADER_BYTES]) <= wire.MAX_MESSAGE_BYTES


def test_a_failure_arrives_with_its_reason() -> None:
    assert wire.read_failure(sent({"failed": "encrypted", "message": "why"})) == (Reason.ENCRYPTED, "why")


def test_an_endless_message_is_refused_before_it_is_read() -> None:
    with pytest.raises(wire.WireError):
        wire.body_length(b"\xff\xff\xff\xff")


@pytest.mark.parametrize("body", [b"", b"not json", b"\xff\xfe", b"[1]", b'"text"', b"3"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(body)


@pytest.mark.parametrize(
    "blocks",
    [None, 7, [7], [[]], [["paragraph", None]], [["nonsense", None, "text"]], [["paragraph", 0, "text"]],
     [["paragraph", True, "text"]], [["paragraph", None, 7]], [["paragraph", None, "text", "more"]]],
)  # fmt: skip
def test_what_is_no_block_is_refused(blocks: object) -> None:
    with pytest.raises(wire.WireError):
        wire.read_blocks(json.loads(json.dumps({"blocks": blocks})))


def test_a_reason_that_is_no_fixed_word_is_refused() -> None:
    with pytest.raises(wire.WireError):
        wire.read_failure({"failed": "because"})

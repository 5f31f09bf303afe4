"""A second look by a model that counts which tokens a query and a text share: small, and run as any other is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from embedder import open_cross_encoder
from vocabulary.errors import ConfigurationError

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz"]
SPECIAL = 4
PLENTY_S = 60.0

Folder = Callable[..., Path]


def sharing_model(*, labels: int = 1, name_of_types: str = "token_type_ids") -> ov.Model:
    """Return a graph whose logits count the pairs of equal tokens of both segments, special ones apart."""
    ids, mask, types = (
        op.parameter([-1, -1], np.int64, name=name) for name in ("input_ids", "attention_mask", name_of_types)
    )
    for node in (ids, mask, types):
        node.output(0).set_names({node.friendly_name})
    rows = np.eye(len(WORDS), dtype=np.float32)
    rows[:SPECIAL] = 0
    tokens = op.gather(op.constant(rows), ids, op.constant(np.int32(0)))
    last = op.constant(np.int32(2))
    is_text = op.convert(op.multiply(mask, types), "f32")
    is_query = op.subtract(op.convert(mask, "f32"), is_text)
    along = op.constant(np.int32(1))
    query, text = (op.reduce_sum(op.multiply(tokens, op.unsqueeze(part, last)), along) for part in (is_query, is_text))
    shared = op.reduce_sum(op.multiply(query, text), op.constant(np.int32(1)), True)
    logits = op.result(op.concat([shared] * labels, 1))
    return ov.Model([logits], [ids, mask, types], "sharing")


def write_tokenizer(file: Path) -> None:
    tokenizer = Tokenizer(models.WordPiece({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.save(str(file))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return a function that writes a folder with the graph."""

    def write(model: ov.Model | None = None, *, below: str = "") -> Path:
        (tmp_path / below).mkdir(exist_ok=True)
        ov.save_model(model or sharing_model(), tmp_path / below / "openvino_model.xml", compress_to_fp16=False)
        write_tokenizer(tmp_path / "tokenizer.json")
        (tmp_path / "config.json").write_text(json.dumps({"max_position_embeddings": 16}), encoding="utf-8")
        return tmp_path

    return write


@pytest.mark.parametrize("below", ["", "openvino"])
async def test_texts_are_scored_with_the_query_in_their_order(folder: Folder, below: str) -> None:
    async with open_cross_encoder(folder(below=below), threads=1) as model:
        texts = ["a b c", "x", "c c", "", *["b"] * 9]
        found = await model.score("a b c", texts, within_s=PLENTY_S)
    assert found is not None
    assert found.tolist() == [3, 0, 2, 0, *[1] * 9]


async def test_what_is_longer_than_the_model_reads_is_cut(folder: Folder) -> None:
    async with open_cross_encoder(folder(), threads=1) as model:
        found = await model.score("a", ["b " * 500 + "a", "a " * 500], within_s=PLENTY_S)
        assert found is not None
        assert found.tolist() == [0, 12]  # 16 positions, three of them special, one of the query
        assert await model.score("a " * 500, ["a"], within_s=PLENTY_S) is not None


async def test_a_model_that_is_not_done_in_time_says_so_and_is_there_for_the_next(folder: Folder) -> None:
    async with open_cross_encoder(folder(), threads=1) as model:
        assert await model.score("a", ["a"] * 10_000, within_s=0.001) is None
        found = await model.score("a", ["a"], within_s=PLENTY_S)
        assert found is not None
        assert found.tolist() == [1]
        assert (await model.score("a", [], within_s=PLENTY_S)).tolist() == []  # type: ignore[union-attr] # in time


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        ("openvino_model.xml", r"there is no openvino_model\.xml or .*model\.onnx"),
        ("openvino_model.bin", r"openvino_model\.xml: cannot be read"),
        ("tokenizer.json", r"tokenizer\.json: cannot be read"),
        ("config.json", r"config\.json: cannot be read"),
    ],
)
async def test_a_folder_that_lacks_a_file_is_refused_by_its_name(folder: Folder, spoilt: str, words: str) -> None:
    path = folder()
    (path / spoilt).unlink()
    with pytest.raises(ConfigurationError, match=words):
        async with open_cross_encoder(path, threads=1):
            pass


async def test_a_model_for_another_purpose_is_refused(folder: Folder) -> None:
    with pytest.raises(ConfigurationError, match=r"gives \[1, 2\] numbers for a pair"):
        async with open_cross_encoder(folder(sharing_model(labels=2)), threads=1):
            pass
    with pytest.raises(ConfigurationError, match="wants position_ids"):
        async with open_cross_encoder(folder(sharing_model(name_of_types="position_ids")), threads=1):
            pass


async def test_damaged_files_are_refused(folder: Folder) -> None:
    path = folder()
    (path / "openvino_model.xml").write_text("<net", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"openvino_model\.xml: cannot be read"):
        async with open_cross_encoder(path, threads=1):
            pass

"""Tiny models of other architectures in sentence-transformers folders, written by the libraries themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *"abcdefghijklmnopqrstuvwxyz"]
MAX_TOKENS = 40
_SIZES = {"vocab_size": len(WORDS), "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2,
          "intermediate_size": 24, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "cls_token_id": 0,
          "sep_token_id": 2}  # fmt: skip


def write_model(path: Path, architecture: str, *, dense: bool = False) -> Path:
    """Write a model with random weights: `roberta`, `mpnet` or `modernbert`, with a projection if asked for."""
    import torch  # noqa: PLC0415 - only where the reference tests run
    import transformers  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling  # noqa: PLC0415

    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(5)
    kinds: dict[str, tuple[Any, Any]] = {
        "roberta": (transformers.RobertaConfig, transformers.RobertaModel),
        "mpnet": (transformers.MPNetConfig, transformers.MPNetModel),
        "modernbert": (transformers.ModernBertConfig, transformers.ModernBertModel),
    }
    config_type, model_type = kinds[architecture]
    encoder = path / "encoder"
    model_type(config_type(**_SIZES, max_position_embeddings=MAX_TOKENS + 2)).save_pretrained(encoder)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=_tokenizer(), pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>",
        mask_token="<mask>", model_max_length=MAX_TOKENS,
    ).save_pretrained(encoder)  # fmt: skip
    from sentence_transformers.base.modules import Transformer  # noqa: PLC0415

    modules = [Transformer(str(encoder)), Pooling(16, "mean"), *([Dense(16, 6)] if dense else []), Normalize()]
    folder = path / architecture
    SentenceTransformer(modules=modules, device="cpu").save(str(folder))
    return folder


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer

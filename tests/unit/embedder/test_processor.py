from __future__ import annotations

from pathlib import Path

import pytest

from embedder.config import Precision
from embedder.runtimes.processor import processor_flags, resolve_precision
from vocabulary.errors import SettingInvalid


def test_the_processors_flags_are_read_as_linux_names_them(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("model name\t: x\nflags\t\t: fpu avx512_bf16 sse\nbugs\t\t: amx_bf16\n")
    assert processor_flags(cpuinfo) == {"fpu", "avx512_bf16", "sse"}
    assert processor_flags(tmp_path / "missing") == frozenset()


@pytest.mark.parametrize(
    ("asked", "flags", "resolved"),
    [
        (Precision.AUTO, {"avx2"}, Precision.FLOAT32),
        (Precision.AUTO, {"avx512f"}, Precision.FLOAT32),
        (Precision.AUTO, {"avx512_bf16"}, Precision.BFLOAT16),
        (Precision.AUTO, {"amx_bf16"}, Precision.BFLOAT16),
        (Precision.FLOAT32, {"avx512_bf16"}, Precision.FLOAT32),
        (Precision.BFLOAT16, {"avx512_bf16"}, Precision.BFLOAT16),
    ],
)
def test_bfloat16_is_taken_where_the_processor_multiplies_it(
    asked: Precision, flags: set[str], resolved: Precision
) -> None:
    assert resolve_precision(asked, frozenset(flags)) is resolved


def test_bfloat16_is_refused_where_it_would_be_emulated() -> None:
    with pytest.raises(SettingInvalid, match=r"embedder\.precision"):
        resolve_precision(Precision.BFLOAT16, frozenset({"avx2"}))

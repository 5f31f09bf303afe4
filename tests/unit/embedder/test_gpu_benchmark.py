from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest

from benchmarks import gpu_embedding


def test_without_torch_or_a_gpu_nothing_is_measured_and_the_exit_code_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    if importlib.util.find_spec("torch") is not None:
        import torch  # noqa: PLC0415 - only where it is installed

        if torch.cuda.is_available():
            pytest.skip("there is a GPU here")
    assert gpu_embedding.main([]) == gpu_embedding.CANNOT_RUN
    told = capsys.readouterr()
    assert told.out == ""
    assert "torch is not installed" in told.err or "0 usable GPUs" in told.err


@pytest.mark.reference
@pytest.mark.filterwarnings("ignore")  # torch and transformers warn about themselves
def test_all_of_it_runs_on_a_processor(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sentence_transformers", reason="needs the gpu extra: make test-reference")
    assert gpu_embedding.main(["--device", "cpu", "--tokens", "600", "--rounds", "1", "--json"]) == gpu_embedding.OK
    report = json.loads(capsys.readouterr().out)
    assert [line["shape"] for line in report["lines"]] == list(gpu_embedding.SHAPES)
    for line in report["lines"]:
        assert line["cosine_min"] >= 0.999
        assert line["matrix_share"] > 0
        assert 0 <= line["idle_share"] < 1
        assert line["ratio"] > 0


@pytest.mark.reference
@pytest.mark.filterwarnings("ignore")
def test_other_vectors_end_it_before_anything_is_timed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sentence_transformers", reason="needs the gpu extra: make test-reference")
    embed = gpu_embedding.Bench.embed
    monkeypatch.setattr(gpu_embedding.Bench, "embed", lambda bench, ids: np.roll(embed(bench, ids), 1, axis=1))
    assert gpu_embedding.main(["--device", "cpu", "--tokens", "400", "--rounds", "1"]) == gpu_embedding.DIFFERENT
    assert "not equal" in capsys.readouterr().err

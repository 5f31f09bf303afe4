"""The store of encoded texts, with the files that several trainings share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from embedder.toxicity.learning.encoding import FeatureStore
from vocabulary.documents import TokenIds
from vocabulary.errors import SettingInvalid

WIDTH = 4


def _ids(number: int) -> TokenIds:
    return np.array([number, number + 1], dtype=np.int32)


def _add(store: FeatureStore, *numbers: int) -> None:
    """Each sequence's features are its own number."""
    store.add([_ids(number) for number in numbers], np.array([[number] * WIDTH for number in numbers], np.float32))


def _found(store: FeatureStore, *numbers: int) -> list[float]:
    return [float(row[0]) for row in store.of([_ids(number) for number in numbers])]


@pytest.mark.parametrize("on_disk", [False, True])
def test_features_are_those_of_their_own_text(tmp_path: Path, on_disk: bool) -> None:
    store = FeatureStore(WIDTH, tmp_path if on_disk else None)
    _add(store, 3, 1)
    _add(store, 7)
    assert _found(store, 7, 1, 3, 1) == [7, 1, 3, 1]
    assert [store.lacks(_ids(number)) for number in (1, 2)] == [False, True]


def test_trainings_that_share_a_folder_never_read_each_others_rows_for_their_own(tmp_path: Path) -> None:
    first, second = FeatureStore(WIDTH, tmp_path), FeatureStore(WIDTH, tmp_path)
    _add(first, 1, 2)
    _add(second, 3)
    _add(first, 4)
    _add(second, 1, 5)
    assert _found(first, 1, 2, 4) == [1, 2, 4]
    assert _found(second, 1, 2, 3, 4, 5) == [1, 2, 3, 4, 5]
    assert _found(FeatureStore(WIDTH, tmp_path), 1, 2, 3, 4, 5) == [1, 2, 3, 4, 5]


def test_a_row_that_a_killed_training_did_not_finish_is_encoded_again(tmp_path: Path) -> None:
    _add(FeatureStore(WIDTH, tmp_path), 1, 2)
    with (tmp_path / "features.f16").open("ab") as values, (tmp_path / "keys.bin").open("ab") as keys:
        values.write(b"half")
        keys.write(b"a name without its values"[:16])
    store = FeatureStore(WIDTH, tmp_path)
    _add(store, 3)
    assert _found(store, 1, 2, 3) == [1, 2, 3]


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingInvalid, match="cannot be used"):
        FeatureStore(WIDTH, tmp_path / "file")

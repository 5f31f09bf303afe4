"""The checks notice a simulated server that behaves wrongly.

Each mutant of `mutants.yaml` is a slip that a programmer could make. While it is applied, the check that the table
names must fail, with either client, or an answer must break the official OpenAPI files.
"""

from __future__ import annotations

from collections import Counter

import pytest
from checks import Check, Stand, all_checks
from mutation import SIMULATOR, Mutant, all_mutants
from openapi_validation import AnswerWatch

pytestmark = pytest.mark.fidelity
MUTANTS = all_mutants()


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mutant_is_noticed(mutant: Mutant, stand: Stand, answer_watch: AnswerWatch) -> None:
    checks = [check for check in all_checks() if check.function.__name__ == mutant.noticed_by]
    assert checks, f"no check is called {mutant.noticed_by}"
    runnable = [check for check in checks if check.kind == "python" or not stand.missing]
    if not runnable:
        pytest.skip(stand.missing)
    with mutant.applied():
        assert any(_notices(check, stand, answer_watch) for check in runnable), f"unnoticed: {mutant.behaviour}"


def test_every_behaviour_is_told_once() -> None:
    told = Counter(mutant.behaviour for mutant in MUTANTS)
    assert [behaviour for behaviour, times in told.items() if times > 1] == []


def test_a_mutant_of_text_that_is_gone_is_an_error() -> None:
    mutant = Mutant("nothing changes", f"{SIMULATOR}.wire", "timestamp", "no such text", "", "")
    with pytest.raises(LookupError, match="stands 0 times"), mutant.applied():
        pass


def _notices(check: Check, stand: Stand, answer_watch: AnswerWatch) -> bool:
    """Return whether a check fails, by any error of the client's or its own; a server that breaks down is no mutant."""
    try:
        check.run(stand)
    except Exception:  # noqa: BLE001 - whatever a client raises over an answer that it cannot read
        notices = True
    else:
        notices = False
    wrong_answers = answer_watch.take()
    assert not stand.breakdowns, stand.breakdowns
    return notices or bool(wrong_answers)

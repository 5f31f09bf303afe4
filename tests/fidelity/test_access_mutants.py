"""The access table and the random worlds notice a room `acl/` that decides wrongly.

Each mutant of `access_mutants.yaml` drops, negates or widens one condition. While it is applied, a row of the table or
one of 150 random worlds must fail. A few conditions guard against what neither brings about, such as a directory that
breaks off while it is read: they name a file of the room's own tests, which must notice those.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path

import pytest
from mutation import Mutant, all_mutants
from sqlalchemy import Engine

from tests.contract import test_access_cases as table
from tests.contract.access_cases import AccessCase, engine_in_memory
from tests.unit.acl.test_access_properties import AtOnce, check_worlds

pytestmark = pytest.mark.fidelity

MUTANTS = all_mutants("access_mutants.yaml", package="acl")
ROOM = Path(__file__).parents[1] / "unit" / "acl"
WORLDS = 150
FEW_WORLDS = 5  # notice most mutants, in less time than the table takes
SEED = 5
_rows = list(table.CASES)  # what noticed a mutant comes first from then on: few rows notice most of them


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mutant_is_noticed(mutant: Mutant) -> None:
    with mutant.applied():
        notices = _own_tests_notice(mutant.noticed_by) if mutant.noticed_by else _table_or_worlds_notice()
    assert notices, f"unnoticed: {mutant.behaviour}"


def test_the_unchanged_room_passes() -> None:
    assert not _table_or_worlds_notice()
    assert not _own_tests_notice(*{mutant.noticed_by for mutant in MUTANTS if mutant.noticed_by})


def test_every_slip_is_told_once() -> None:
    told = Counter((mutant.module, mutant.function, mutant.text, mutant.instead) for mutant in MUTANTS)
    assert [slip for slip, times in told.items() if times > 1] == []


def _table_or_worlds_notice() -> bool:
    return (
        _fails(check_worlds(SEED, worlds=FEW_WORLDS))
        or _fails(_check_table())
        or _fails(check_worlds(SEED, worlds=WORLDS))
    )


def _own_tests_notice(*files: str) -> bool:
    """Run files of them in this process, where the mutant is."""
    plugins = ["-p", "no:cacheprovider", "-p", "no:xdist"]
    imported_already = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    paths = [str(ROOM / f"{file}.py") for file in files]
    code = pytest.main(["-q", "-x", "--no-header", *plugins, *imported_already, *paths])
    assert code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), "the tests did not run"
    return code is pytest.ExitCode.TESTS_FAILED


async def _check_table() -> None:
    asyncio.get_running_loop().set_default_executor(AtOnce())
    for case in table.CASES:  # the quick ones first
        table.test_decisions_on_single_documents_agree_with_the_table(case)
    engine = engine_in_memory()
    for case in tuple(_rows):
        try:
            await _check_row(case, engine)
        except Exception:
            _rows.remove(case)
            _rows.insert(0, case)
            raise


async def _check_row(case: AccessCase, engine: Engine) -> None:
    try:
        await table.test_access_filters_agree_with_the_table(case, engine)
        if case in table.PUBLIC_CASES:
            await table.test_a_public_index_may_hold_what_its_readers_find(case, engine)
    finally:
        engine.dispose()


def _fails(check: Coroutine[object, object, object]) -> bool:
    """Whether a check fails, by an assertion of its own or because the mutant breaks down."""
    try:
        asyncio.run(check)
    except Exception:  # noqa: BLE001 - whatever a wrong room raises
        return True
    return False

"""Complete lists replace complete lists, and a name that does not fit exactly one person fits nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from sqlalchemy import Engine, event, select

from acl.identity_store import IdentityCounts, IdentityStore, MatchOutcome
from acl.reader import MatchUserBy
from acl.refresh import refresh_identities
from acl.tables import acl_versions
from vocabulary.access import Identity, Membership, Person, Principal
from vocabulary.errors import RetryableError, RunAborted

EMAIL, USERNAME = MatchUserBy.EMAIL, MatchUserBy.USERNAME
STAFF = Principal.group("hr", "STAFF")
BOARD = Principal.group("hr", "BOARD")


def _person(name: str, *, email: str | None = None, enabled: bool = True) -> Person:
    return Person(Principal.user("hr", name), username=name, email=email, display_name=name.title(), enabled=enabled)


ANN = _person("Ann", email="Ann@Example.com")
BOB = _person("bob", email="bob@example.com")
ANN_IN_STAFF = Membership(group=STAFF, member=ANN.principal)
STAFF_IN_BOARD = Membership(group=BOARD, member=STAFF)


async def _listed(*identities: Identity) -> AsyncIterator[Identity]:
    for identity in identities:
        yield identity


async def _broken(*identities: Identity) -> AsyncIterator[Identity]:
    for identity in identities:
        yield identity
    raise ConnectionResetError("the list broke off")


def _version(engine: Engine) -> int | None:
    with engine.connect() as connection:
        return connection.execute(select(acl_versions.c.version)).scalar_one_or_none()


async def _find(engine: Engine, user: str, by: MatchUserBy = EMAIL) -> MatchOutcome | Person:
    match = await IdentityStore(engine).find("hr", user, by=by)
    return match.person or match.outcome


async def test_a_person_is_found_again_with_all_their_fields(engine: Engine) -> None:
    store = IdentityStore(engine)
    guest = replace(BOB, is_guest=True, is_administrator=True, email=None)
    counts = await store.replace("hr", _listed(ANN, guest, ANN_IN_STAFF))
    assert counts == IdentityCounts(people=2, memberships=1, changed=True)
    assert await _find(engine, "bob", USERNAME) == guest


async def test_a_person_acts_as_their_groups_at_any_depth(engine: Engine) -> None:
    store = IdentityStore(engine)
    await store.replace("hr", _listed(ANN, ANN_IN_STAFF, STAFF_IN_BOARD))
    assert await store.principals_of(ANN) == {"user:hr/Ann", "everyone:hr/", "group:hr/STAFF", "group:hr/BOARD"}


@pytest.mark.parametrize("spelling", ["Ann@Example.com", "ann@example.com", "ANN@EXAMPLE.COM"])
async def test_addresses_match_regardless_of_case(engine: Engine, spelling: str) -> None:
    await IdentityStore(engine).replace("hr", _listed(ANN, BOB))
    assert await _find(engine, spelling) == ANN


async def test_names_match_regardless_of_case_beyond_ascii(engine: Engine) -> None:
    umlaut = _person("Jürgen.Öz")
    await IdentityStore(engine).replace("hr", _listed(umlaut))
    assert await _find(engine, "JÜRGEN.ÖZ", USERNAME) == umlaut


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("strasse", "straße"),
        ("kim", "\N{KELVIN SIGN}im"),
        ("sam", "\N{LATIN SMALL LETTER LONG S}am"),
        ("ann", "ann "),
        ("ann", "\N{CYRILLIC SMALL LETTER A}nn"),
        ("ann", "a\N{COMBINING DOT ABOVE}nn"),
        ("ann", "ann\N{ZERO WIDTH SPACE}"),
        ("iris", "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}ris"),
    ],
)
async def test_a_name_that_only_looks_alike_is_another_name(engine: Engine, stored: str, asked: str) -> None:
    await IdentityStore(engine).replace("hr", _listed(_person(stored)))
    assert await _find(engine, asked, USERNAME) is MatchOutcome.UNKNOWN
    await IdentityStore(engine).replace("hr", _listed(_person(asked)))
    assert await _find(engine, stored, USERNAME) is MatchOutcome.UNKNOWN


async def test_a_user_name_is_no_address_and_the_reverse(engine: Engine) -> None:
    await IdentityStore(engine).replace("hr", _listed(ANN))
    assert await _find(engine, "ann", EMAIL) is MatchOutcome.UNKNOWN
    assert await _find(engine, "ann@example.com", USERNAME) is MatchOutcome.UNKNOWN


async def test_an_address_of_two_people_fits_nobody(engine: Engine) -> None:
    await IdentityStore(engine).replace("hr", _listed(ANN, replace(BOB, email="ANN@example.com")))
    assert await _find(engine, "ann@example.com") is MatchOutcome.AMBIGUOUS


async def test_a_disabled_namesake_makes_an_address_ambiguous(engine: Engine) -> None:
    await IdentityStore(engine).replace("hr", _listed(ANN, replace(BOB, email=ANN.email, enabled=False)))
    assert await _find(engine, "ann@example.com") is MatchOutcome.AMBIGUOUS


async def test_a_disabled_person_is_nobody(engine: Engine) -> None:
    store = IdentityStore(engine)
    disabled = replace(ANN, enabled=False)
    await store.replace("hr", _listed(disabled, ANN_IN_STAFF))
    assert await _find(engine, "ann@example.com") is MatchOutcome.DISABLED
    assert await store.principals_of(disabled) == frozenset()


async def test_an_empty_name_fits_nobody_not_even_people_without_an_address(engine: Engine) -> None:
    await IdentityStore(engine).replace("hr", _listed(replace(ANN, email=""), replace(BOB, email=None)))
    assert await _find(engine, "") is MatchOutcome.UNKNOWN


async def test_people_of_one_source_are_unknown_in_another(engine: Engine) -> None:
    store = IdentityStore(engine)
    await store.replace("hr", _listed(ANN))
    assert (await store.find("sales", "ann@example.com", by=EMAIL)).outcome is MatchOutcome.UNKNOWN


async def test_who_left_the_list_is_gone_and_the_other_sources_stay(engine: Engine) -> None:
    store = IdentityStore(engine)
    seller = Person(Principal.user("sales", "sue"), username="sue", email=None, display_name="Sue")
    await store.replace("sales", _listed(seller))
    await store.replace("hr", _listed(ANN, BOB))
    await store.replace("hr", _listed(BOB))
    assert await _find(engine, "ann@example.com") is MatchOutcome.UNKNOWN
    assert await _find(engine, "bob@example.com") == BOB
    assert (await store.find("sales", "sue", by=USERNAME)).person == seller


async def test_a_removed_membership_takes_effect_in_another_process(engine: Engine, other_engine: Engine) -> None:
    here, there = IdentityStore(engine), IdentityStore(other_engine)
    await here.replace("hr", _listed(ANN, ANN_IN_STAFF, STAFF_IN_BOARD))
    assert "group:hr/BOARD" in await there.principals_of(ANN)
    await here.replace("hr", _listed(ANN, ANN_IN_STAFF))
    assert await there.principals_of(ANN) == {"user:hr/Ann", "everyone:hr/", "group:hr/STAFF"}


async def test_a_list_that_breaks_off_changes_nothing(engine: Engine) -> None:
    store = IdentityStore(engine)
    await store.replace("hr", _listed(ANN, ANN_IN_STAFF))
    with pytest.raises(ConnectionResetError):
        await store.replace("hr", _broken(BOB))
    assert await _find(engine, "ann@example.com") == ANN
    assert await _find(engine, "bob@example.com") is MatchOutcome.UNKNOWN
    assert _version(engine) == 1


@pytest.mark.parametrize("suspicious", [(), (ANN,), (ANN_IN_STAFF,)], ids=["nothing", "no groups", "no people"])
async def test_an_empty_list_never_wipes_a_filled_store(engine: Engine, suspicious: tuple[Identity, ...]) -> None:
    store = IdentityStore(engine)
    await store.replace("hr", _listed(ANN, BOB, ANN_IN_STAFF))
    with pytest.raises(RunAborted):
        await store.replace("hr", _listed(*suspicious))
    assert await _find(engine, "bob@example.com") == BOB
    assert "group:hr/STAFF" in await store.principals_of(ANN)
    assert _version(engine) == 1


@pytest.mark.parametrize("left", [(), (ANN,)], ids=["nothing", "no groups"])
async def test_an_emptiness_that_a_person_confirmed_is_stored(engine: Engine, left: tuple[Identity, ...]) -> None:
    store = IdentityStore(engine)
    await store.replace("hr", _listed(ANN, BOB, ANN_IN_STAFF))
    counts = await store.replace("hr", _listed(*left), confirmed=True)
    assert counts == IdentityCounts(people=len(left), memberships=0, changed=True)
    assert await _find(engine, "bob@example.com") is MatchOutcome.UNKNOWN
    assert "group:hr/STAFF" not in await store.principals_of(ANN)


async def test_a_list_that_was_overtaken_by_another_changes_nothing(engine: Engine, other_engine: Engine) -> None:
    here, there = IdentityStore(engine), IdentityStore(other_engine)
    await here.replace("hr", _listed(ANN, BOB, ANN_IN_STAFF))

    async def listed_slowly() -> AsyncIterator[Identity]:
        yield ANN
        await there.replace("hr", _listed(replace(ANN, enabled=False), BOB, ANN_IN_STAFF))
        yield BOB
        yield ANN_IN_STAFF

    with pytest.raises(RetryableError, match="another list"):
        await here.replace("hr", listed_slowly())
    assert await _find(engine, "ann@example.com") is MatchOutcome.DISABLED


async def test_a_refresh_writes_rows_in_proportion_to_what_changed(engine: Engine) -> None:
    """A member leaves one of many groups; beside that row, only the counter and the records of the step are written."""
    groups = [Principal.group("hr", f"G{number}") for number in range(500)]
    memberships = [Membership(group, ANN.principal) for group in groups]
    nested = [Membership(*pair) for pair in zip(groups, groups[1:] + groups[:1], strict=True)]  # in a cycle
    store = IdentityStore(engine)
    await store.replace("hr", _listed(ANN, *memberships, *nested))
    written: list[str] = []

    def note(_: object, __: object, statement: str, parameters: Sequence[object], ___: object, many: bool) -> None:
        if not statement.startswith("SELECT"):
            written.extend([statement.split("(", maxsplit=1)[0].strip()] * (len(parameters) if many else 1))

    event.listen(engine, "before_cursor_execute", note)
    await store.replace("hr", _listed(ANN, *memberships[1:], *nested))
    event.remove(engine, "before_cursor_execute", note)
    assert len([each for each in written if "acl_memberships" in each]) == 1
    assert len(written) <= 5
    assert len(await store.principals_of(ANN)) == 502  # still in all groups, through the cycle


async def test_an_unchanged_list_announces_no_change(engine: Engine) -> None:
    store = IdentityStore(engine)
    await store.replace("hr", _listed(ANN, BOB, ANN_IN_STAFF))
    counts = await store.replace("hr", _listed(ANN_IN_STAFF, BOB, ANN, ANN_IN_STAFF))
    assert counts == IdentityCounts(people=2, memberships=1, changed=False)
    assert _version(engine) == 1


async def test_a_person_listed_twice_counts_as_last_seen(engine: Engine) -> None:
    await IdentityStore(engine).replace("hr", _listed(ANN, replace(ANN, enabled=False)))
    assert await _find(engine, "ann@example.com") is MatchOutcome.DISABLED


@pytest.mark.parametrize(
    "foreign",
    [
        replace(ANN, principal=Principal.user("sales", "ann")),
        replace(ANN, principal=Principal.group("hr", "ann")),
        replace(ANN, principal=Principal.user("hr", "")),
        Membership(group=Principal.group("sales", "BOSSES"), member=ANN.principal),
        Membership(group=STAFF, member=Principal.user("sales", "ann")),
        Membership(group=Principal.administrators("hr"), member=ANN.principal),
        Membership(group=Principal.everyone("hr"), member=ANN.principal),
        Membership(group=STAFF, member=Principal.everyone("hr")),
    ],
    ids=str,
)
async def test_a_source_speaks_only_of_its_own_people_and_groups(engine: Engine, foreign: Identity) -> None:
    store = IdentityStore(engine)
    await store.replace("hr", _listed(ANN))
    with pytest.raises(RunAborted):
        await store.replace("hr", _listed(ANN, foreign))
    assert await _find(engine, "ann@example.com") == ANN


class _Directory:
    """An identity source of fixed content."""

    def identities(self) -> AsyncIterator[Identity]:
        return _listed(ANN, ANN_IN_STAFF)


async def test_a_refresh_stores_what_the_source_lists(engine: Engine) -> None:
    counts = await refresh_identities("hr", _Directory(), IdentityStore(engine))
    assert counts == IdentityCounts(people=1, memberships=1, changed=True)
    assert await _find(engine, "ann@example.com") == ANN


async def test_of_a_person_who_is_listed_twice_counts_what_admits_less(engine: Engine) -> None:
    """A list that moves while it is read may bring somebody before and after they were shut out, in either order."""
    before, after = replace(ANN, is_administrator=True), replace(ANN, enabled=False, is_guest=True)
    for twice in ((before, after), (after, before)):
        counts = await IdentityStore(engine).replace("hr", _listed(*twice))
        assert counts.people == 1
        assert await _find(engine, "ann@example.com") is MatchOutcome.DISABLED
        match = await IdentityStore(engine).find_mapped("hr", ANN.principal.id)
        assert match.outcome is MatchOutcome.DISABLED
    harmless = (replace(ANN, is_administrator=True), ANN)
    await IdentityStore(engine).replace("hr", _listed(*harmless))
    assert await _find(engine, "ann@example.com") == ANN

"""What an operator says of who is who overrules names, in every process at once, and never opens by mistake."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from acl import (
    AccessControl,
    AclStore,
    IdentityMapping,
    IdentityMappings,
    IdentityStore,
    KeptMapping,
    MappingFile,
    MappingStore,
    MatchOutcome,
    MatchUserBy,
    ReaderClaims,
    SourceIdentityRule,
    key_of,
)
from vocabulary.access import Acl, AclId, Identity, Person, Principal
from vocabulary.errors import SettingInvalid

ISSUER, OTHER_ISSUER = "https://idp.example.com", "https://other.example.com"
HR = SourceIdentityRule("hr", MatchUserBy.EMAIL)
SALES = SourceIdentityRule("sales", MatchUserBy.EMAIL)
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def person(name: str, *, source: str = "hr", enabled: bool = True) -> Person:
    return Person(Principal.user(source, name), name, f"{name}@example.com", name.title(), enabled=enabled)


def claims(name: str = "ann", issuer: str = ISSUER) -> ReaderClaims:
    return ReaderClaims(user=f"{name}@example.com", groups=(), issuer=issuer)


def mapping(to: str, *, name: str = "ann", source: str = "hr", issuer: str = ISSUER) -> IdentityMapping:
    return IdentityMapping(issuer=issuer, user=f"{name}@example.com", source=source, person=to)


ANN, BOB = person("ann"), person("bob")


async def know(engine: Engine, *people: Person, source: str = "hr") -> None:
    async def listed() -> AsyncIterator[Identity]:
        for one in people:
            yield one

    await IdentityStore(engine).replace(source, listed())


async def private_list(engine: Engine, reader: Person) -> AclId:
    source = reader.principal.scope
    return (await AclStore(engine).number(source, [Acl(f"of {reader.username}", frozenset({reader.principal}))]))[
        f"of {reader.username}"
    ]


async def keep(engine: Engine, made: IdentityMapping) -> None:
    await MappingStore(engine).put(made, made_by="operator")


@pytest.fixture
async def people(engine: Engine) -> Engine:
    """A state whose source knows ann and bob."""
    await know(engine, ANN, BOB)
    return engine


class Written:
    """An `identities.toml`, always written as a whole and long ago, and what reads it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "identities.toml"
        self.now_s = 1_000_000_000.0
        self.file = MappingFile(
            self.path, sources={"hr", "sales"}, issuers={ISSUER, OTHER_ISSUER}, clock_s=lambda: self.now_s
        )

    def write(self, *mappings: IdentityMapping, age_s: float = 100) -> None:
        entries = [
            f"[[mapping]]\nissuer = '{m.issuer}'\nuser = '{m.user}'\nsource = '{m.source}'\nperson = '{m.person}'\n"
            for m in mappings
        ]
        self.write_text("".join(entries) or "mapping = []", age_s=age_s)

    def write_text(self, text: str, *, age_s: float = 100) -> None:
        """Put a new file in the old one's place, so that its times and its inode are new."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(text)
        os.utime(fresh, (self.now_s - age_s, self.now_s - age_s))
        fresh.replace(self.path)

    def control(self, engine: Engine) -> AccessControl:
        return AccessControl(engine, mappings=IdentityMappings(engine, self.file))


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


async def who(control: AccessControl, asker: ReaderClaims | None = None, rule: SourceIdentityRule = HR) -> object:
    match = await control.match(asker or claims(), rule)
    return match.person or match.outcome


# --- what a mapping means


async def test_a_mapped_user_is_the_person_whom_the_mapping_names(people: Engine) -> None:
    await keep(people, mapping("bob"))
    assert await who(AccessControl(people)) == BOB


async def test_a_user_whom_no_name_fits_is_found_by_a_mapping(people: Engine) -> None:
    assert await who(AccessControl(people), claims("a.miller")) is MatchOutcome.UNKNOWN
    await keep(people, mapping("ann", name="a.miller"))
    assert await who(AccessControl(people), claims("a.miller")) == ANN


async def test_a_mapping_tells_two_people_of_one_address_apart(engine: Engine) -> None:
    await know(engine, ANN, replace(BOB, email=ANN.email))
    assert await who(AccessControl(engine)) is MatchOutcome.AMBIGUOUS
    await keep(engine, mapping("bob"))
    assert await who(AccessControl(engine)) == replace(BOB, email=ANN.email)


@pytest.mark.parametrize("missing", ["nobody", "Bob", "bob ", "BOB", "user:hr/bob", "bob@example.com"])
async def test_a_mapping_to_somebody_who_is_not_there_falls_back_to_nobody(people: Engine, missing: str) -> None:
    """The person is named by the source's id, letter by letter; the user's own name does not count any more."""
    await keep(people, mapping(missing))
    assert await who(AccessControl(people)) is MatchOutcome.MAPPED_TO_UNKNOWN


async def test_a_mapping_to_a_disabled_person_is_nobody(engine: Engine) -> None:
    await know(engine, ANN, replace(BOB, enabled=False))
    await keep(engine, mapping("bob"))
    assert await who(AccessControl(engine)) is MatchOutcome.DISABLED


@pytest.mark.parametrize("spelling", ["ann", "ANN", "Ann"])
async def test_case_of_the_user_counts_as_in_a_search_by_name(people: Engine, spelling: str) -> None:
    await keep(people, mapping("bob", name="aNN"))
    assert await who(AccessControl(people), claims(spelling)) == BOB


@pytest.mark.parametrize("lookalike", ["\N{CYRILLIC SMALL LETTER A}nn", "ann\N{ZERO WIDTH SPACE}", "a\u0301nn"])
async def test_a_user_who_only_looks_alike_is_not_mapped(people: Engine, lookalike: str) -> None:
    await keep(people, mapping("bob"))
    assert await who(AccessControl(people), claims(lookalike)) is MatchOutcome.UNKNOWN


async def test_a_mapping_is_of_one_issuer_and_one_source(people: Engine) -> None:
    await know(people, person("ann", source="sales"), person("bob", source="sales"), source="sales")
    await keep(people, mapping("bob"))
    control = AccessControl(people)
    assert await who(control, claims(issuer=OTHER_ISSUER)) == ANN
    assert await who(control, claims(), SALES) == person("ann", source="sales")


async def test_two_users_may_be_one_person(people: Engine) -> None:
    await keep(people, mapping("bob"))
    assert await who(AccessControl(people), claims("bob")) == BOB


# --- when it takes effect


async def test_a_mapping_made_in_one_process_binds_the_next_request_of_another(
    people: Engine, other_engine: Engine
) -> None:
    of_ann, of_bob = await private_list(people, ANN), await private_list(people, BOB)
    elsewhere = AccessControl(other_engine)
    assert set((await elsewhere.filter_for(claims(), [HR])).visible) == {of_ann}
    await keep(people, mapping("bob"))
    assert set((await elsewhere.filter_for(claims(), [HR])).visible) == {of_bob}
    await keep(people, mapping("nobody"))
    access = await elsewhere.filter_for(claims(), [HR])
    assert not access.visible and not access.if_owner and not access.owners
    assert await MappingStore(people).remove(mapping("").key)
    assert set((await elsewhere.filter_for(claims(), [HR])).visible) == {of_ann}


async def test_mappings_are_kept_with_their_maker_and_replaced_by_key(engine: Engine) -> None:
    store = MappingStore(engine, clock=lambda: NOW)
    await store.put(mapping("ann"), made_by="first")
    await store.put(mapping("bob", name="ANN"), made_by="second")
    await store.put(mapping("cem", issuer=OTHER_ISSUER), made_by="first")
    assert await store.list() == (
        KeptMapping(mapping("bob", name="ANN"), "second", NOW),
        KeptMapping(mapping("cem", issuer=OTHER_ISSUER), "first", NOW),
    )
    assert await store.remove(key_of(issuer=ISSUER, user="Ann@Example.com", source="hr"))
    assert not await store.remove(key_of(issuer=ISSUER, user="ann@example.com", source="hr"))
    assert len(await store.list()) == 1


# --- the file


async def test_a_mapping_of_the_file_counts_like_a_kept_one(people: Engine, written: Written) -> None:
    written.write(mapping("bob"))
    assert await who(written.control(people)) == BOB


async def test_a_file_and_a_kept_mapping_that_disagree_make_nobody(people: Engine, written: Written) -> None:
    written.write(mapping("bob"))
    await keep(people, mapping("bob"))
    assert await who(written.control(people)) == BOB
    await keep(people, mapping("ann"))
    assert await who(written.control(people)) is MatchOutcome.MAPPINGS_DISAGREE


async def test_a_changed_file_binds_the_next_request(people: Engine, written: Written) -> None:
    of_ann, of_bob = await private_list(people, ANN), await private_list(people, BOB)
    written.write(mapping("bob"))
    control = written.control(people)
    assert set((await control.filter_for(claims(), [HR])).visible) == {of_bob}
    written.write(mapping("ann"), age_s=50)
    assert set((await control.filter_for(claims(), [HR])).visible) == {of_ann}
    written.write(age_s=40)
    assert set((await control.filter_for(claims("bob"), [HR])).visible) == {of_bob}


async def test_an_unchanged_file_is_read_once_and_gives_the_same_filter(people: Engine, written: Written) -> None:
    written.write(mapping("bob"))
    control = written.control(people)
    first = await control.filter_for(claims(), [HR])
    reading = written.file.current()
    assert await control.filter_for(claims(), [HR]) is first
    assert written.file.current() is reading


async def test_a_file_counts_only_a_second_after_it_was_written(people: Engine, written: Written) -> None:
    """Half of it may look like a whole file; what was read before counts until then."""
    written.write(mapping("bob"))
    control = written.control(people)
    assert await who(control) == BOB
    written.write_text("mapping = []", age_s=0)
    assert await who(control) == BOB
    written.now_s += 0.9
    assert await who(control) == BOB
    written.now_s += 0.1
    assert await who(control) == ANN


async def test_a_file_that_is_dated_in_the_future_counts_a_second_after_it_was_met(
    people: Engine, written: Written
) -> None:
    written.write(mapping("bob"))
    control = written.control(people)
    assert await who(control) == BOB
    written.write(mapping("ann"), age_s=-500)
    assert await who(control) == BOB
    written.now_s += 1
    assert await who(control) == ANN


BROKEN = {
    "empty": "",
    "not TOML": "[[mapping]\n",
    "half": "[[mapping]]\nissuer = 'https://idp.example.com'\nuser = 'ann@example.com'\n",
    "not UTF-8": None,
    "unknown key": "mapping = []\nmappings = []\n",
    "unknown key of a mapping": "[[mapping]]\nissuer='https://idp.example.com'\nuser='x'\nsource='hr'\nperson='a'\nx=1\n",
    "unknown source": "[[mapping]]\nissuer='https://idp.example.com'\nuser='x'\nsource='hrs'\nperson='a'\n",
    "unknown issuer": "[[mapping]]\nissuer='https://idp.example.com/'\nuser='x'\nsource='hr'\nperson='a'\n",
    "no text": "[[mapping]]\nissuer='https://idp.example.com'\nuser=7\nsource='hr'\nperson='a'\n",
    "empty person": "[[mapping]]\nissuer='https://idp.example.com'\nuser='x'\nsource='hr'\nperson=''\n",
    "twice": "[[mapping]]\nissuer='https://idp.example.com'\nuser='x'\nsource='hr'\nperson='a'\n"
    "[[mapping]]\nissuer='https://idp.example.com'\nuser='X'\nsource='hr'\nperson='a'\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
async def test_a_file_that_breaks_hides_whom_it_mapped_and_leaves_the_others_alone(
    people: Engine, written: Written, text: str | None
) -> None:
    of_bob = await private_list(people, BOB)
    written.write(mapping("bob"))
    control = written.control(people)
    assert of_bob in (await control.filter_for(claims(), [HR])).visible
    if text is None:
        written.path.write_bytes(b"mapping = []\n# \xff")
        os.utime(written.path, (written.now_s - 50,) * 2)
    else:
        written.write_text(text, age_s=50)
    assert not (await control.filter_for(claims(), [HR])).visible
    assert await who(control) is MatchOutcome.MAPPINGS_UNREADABLE
    assert await who(control, claims("bob")) == BOB
    written.write(mapping("bob"), age_s=40)
    assert of_bob in (await control.filter_for(claims(), [HR])).visible


async def test_a_file_that_disappears_hides_whom_it_mapped_at_once(people: Engine, written: Written) -> None:
    written.write(mapping("bob"))
    control = written.control(people)
    assert await who(control) == BOB
    written.path.unlink()
    assert await who(control) is MatchOutcome.MAPPINGS_UNREADABLE


async def test_a_kept_mapping_does_not_speak_for_a_file_that_is_broken(people: Engine, written: Written) -> None:
    written.write(mapping("bob"))
    control = written.control(people)
    assert await who(control) == BOB
    await keep(people, mapping("bob"))
    written.write_text("", age_s=50)
    assert await who(control) is MatchOutcome.MAPPINGS_UNREADABLE


@pytest.mark.parametrize("text", [None, *(text for text in BROKEN.values() if text is not None)])
async def test_before_the_file_was_ever_usable_everybody_is_nobody_and_serving_is_refused(
    people: Engine, written: Written, text: str | None
) -> None:
    if text is not None:
        written.write_text(text)
    assert await who(written.control(people)) is MatchOutcome.MAPPINGS_UNREADABLE
    with pytest.raises(SettingInvalid, match=r"^identities\.file: ") as refused:
        written.file.require_usable()
    assert "ann@" not in str(refused.value)


async def test_every_mistake_of_a_file_is_named_at_once(written: Written) -> None:
    written.write(mapping("a", source="x"), mapping("a", issuer="y"), mapping("a"), mapping("b"))
    with pytest.raises(SettingInvalid) as refused:
        written.file.require_usable()
    assert str(refused.value).splitlines() == [
        "identities.file: mapping.0.source: no such source",
        "identities.file: mapping.1.issuer: no [[tokens]] entry has this issuer",
        "identities.file: mapping.3.user: is mapped in this source already",
    ]

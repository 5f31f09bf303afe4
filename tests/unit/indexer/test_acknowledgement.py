from hypothesis import given
from hypothesis import strategies as st

from indexer.acknowledgement import Acknowledgements
from vocabulary.documents import Checkpoint

FIRST, SECOND = Checkpoint("first"), Checkpoint("second")


def test_a_checkpoint_waits_for_every_change_before_it() -> None:
    acknowledgements = Acknowledgements()
    one, two = acknowledgements.open(), acknowledgements.open()
    acknowledgements.mark(FIRST)
    acknowledgements.close(two)
    assert acknowledgements.reached() is None
    acknowledgements.close(one)
    assert acknowledgements.reached() == FIRST


def test_a_later_change_does_not_hold_an_earlier_checkpoint() -> None:
    acknowledgements = Acknowledgements()
    acknowledgements.mark(FIRST)
    acknowledgements.open()
    acknowledgements.mark(SECOND)
    assert acknowledgements.reached() == FIRST
    assert acknowledgements.reached() is None


def test_changes_about_to_close_count_as_closed() -> None:
    acknowledgements = Acknowledgements()
    number = acknowledgements.open()
    acknowledgements.mark(FIRST)
    assert acknowledgements.reached(closing=frozenset({number})) == FIRST


@given(st.lists(st.booleans(), max_size=40), st.randoms(use_true_random=False))
def test_in_any_order_no_checkpoint_passes_an_open_change_and_the_last_one_arrives(marks, random) -> None:
    acknowledgements = Acknowledgements()
    before: dict[str, list[int]] = {}
    opened: list[int] = []
    for place, is_mark in enumerate(marks):
        if is_mark:
            acknowledgements.mark(Checkpoint(str(place)))
            before[str(place)] = list(opened)
        else:
            opened.append(acknowledgements.open())
    closed: set[int] = set()
    last = acknowledgements.reached()
    for number in random.sample(opened, len(opened)):
        acknowledgements.close(number)
        closed.add(number)
        reached = acknowledgements.reached()
        if reached is not None:
            assert closed.issuperset(before[reached.position])
            last = reached
    assert last == (Checkpoint(list(before)[-1]) if before else None)

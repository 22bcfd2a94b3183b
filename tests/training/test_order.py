from __future__ import annotations

from collections import Counter

import pytest

from marigold_cli.training.order import Division, Lot, Order, mix, shuffled


def lots(division: Division, first: int = 0, last: int = 12, count: int = 40) -> list[Lot]:
    return list(Order([count], [1], division, seed=3).lots(first, last))


def seen(division: Division, update: int) -> list[tuple[int, int]]:
    """Pictures and seeds of an update, over all passes and processes in slot order."""
    found = []
    for index in range(division.accumulate):
        for rank in range(division.processes):
            one = Division(division.batch, division.accumulate, division.processes, rank)
            lot = lots(one, update, update + 1)[index]
            found += list(zip(lot.indices, lot.seeds, strict=True))
    return found


@pytest.mark.parametrize("count", [1, 2, 8, 37, 1000])
def test_a_shuffle_has_every_thing_once(count: int) -> None:
    assert sorted(shuffled(i, count, key=5) for i in range(count)) == list(range(count))


def test_another_key_is_another_shuffle() -> None:
    shuffles = {tuple(shuffled(i, 20, key) for i in range(20)) for key in range(50)}

    assert len(shuffles) == 50


def test_every_place_is_as_likely_as_any_other() -> None:
    first = Counter(shuffled(0, 8, mix("key", key)) for key in range(4000))

    assert all(abs(first[i] - 500) < 120 for i in range(8))


def test_an_endless_source_needs_no_list() -> None:
    assert 0 <= shuffled(123_456_789, 10**12, key=1) < 10**12


def test_every_epoch_shows_every_picture_once_in_an_order_of_its_own() -> None:
    shown = [index for lot in lots(Division(5), last=24) for index in lot.indices]

    epochs = [shown[start : start + 40] for start in (0, 40, 80)]
    assert all(sorted(epoch) == list(range(40)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


@pytest.mark.parametrize(
    "division", [Division(4, 2, 1), Division(4, 1, 2), Division(2, 2, 2), Division(1, 8, 1)]
)
def test_an_update_is_the_same_however_it_is_divided(division: Division) -> None:
    for update in (0, 7):
        assert seen(division, update) == seen(Division(8), update)


def test_going_on_gives_what_an_unbroken_order_gives() -> None:
    division = Division(3, 2, 2, rank=1)

    assert lots(division, 5, 12) == lots(division)[2 * 5 :]


def test_a_longer_training_begins_like_a_shorter_one() -> None:
    mixed = Order([40, 70, 9], [6, 3, 1], Division(4, 2), seed=1)

    assert list(mixed.lots(0, 30))[:20] == list(mixed.lots(0, 10))


def test_sources_are_drawn_by_weight_and_each_goes_through_its_own_pictures() -> None:
    mixed = list(Order([50, 20], [0.9, 0.1], Division(2, 4), seed=0).lots(0, 500))

    second = [index for lot in mixed if lot.source == 1 for index in lot.indices]
    share = sum(lot.source for lot in mixed) / len(mixed)
    assert 0.08 < share < 0.12
    assert sorted(second[:20]) == list(range(20))


def of_two_sources(division: Division, update: int) -> set[tuple[int, int, int]]:
    """Source, picture and seed of all that makes an update, over all processes."""
    found = set()
    for rank in range(division.processes):
        one = Division(division.batch, division.accumulate, division.processes, rank)
        for lot in Order([50, 20], [0.6, 0.4], one, seed=0).lots(update, update + 1):
            found |= {(lot.source, *pair) for pair in zip(lot.indices, lot.seeds, strict=True)}
    return found


def test_of_several_sources_an_update_is_the_same_for_as_many_passes() -> None:
    divisions = [Division(2, 4, 1), Division(2, 2, 2), Division(2, 1, 4)]

    updates = [[of_two_sources(one, update) for update in range(10)] for one in divisions]

    assert updates[0] == updates[1] == updates[2]
    assert any(len({source for source, _, _ in update}) == 2 for update in updates[0])


@pytest.mark.parametrize("there", [[], [0], [0, 1, 5], [2, 3]])
def test_each_file_is_made_by_one_process_whatever_is_there_when_it_looks(there: list[int]) -> None:
    makers = [Division(1, processes=3, rank=rank) for rank in range(3)]

    late = [number for number in range(7) if number not in there]
    made = [(number, maker.rank) for maker in makers for number in late if maker.owns(number)]

    assert sorted(number for number, _ in made) == late
    assert all(makers[0].owns(number) for number in (0, 3, 6))


def test_no_two_pictures_share_a_seed() -> None:
    seeds = [seed for lot in lots(Division(4, 2)) for seed in lot.seeds]

    assert len(set(seeds)) == len(seeds)


def test_passes_of_an_update_share_numbers_and_updates_do_not() -> None:
    first, second, third, _ = lots(Division(2, 2), last=2)

    assert first.shared == second.shared != third.shared

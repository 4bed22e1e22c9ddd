from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats.replicates import BLOCK, Failed, generator, replicate


def stacked():
    """Stacked linear algebra, whose last bits depend on the shape of the stack; made here: workers get it whole."""

    def solved(block):
        A = np.stack([g.standard_normal((60, 6)) for g in block])
        y = np.stack([g.standard_normal((60, 1)) for g in block])
        At = np.swapaxes(A, 1, 2)
        return [tuple(beta.ravel()) for beta in np.linalg.solve(At @ A, At @ y)]

    return solved


solved = stacked()


def one_number(block):
    return [float(g.random()) for g in block]


def test_replicate_i_draws_from_the_seed_and_its_own_number():
    found = replicate(one_number, 7, seed=3).values
    assert list(found) == [
        float(np.random.default_rng(np.random.SeedSequence(3, spawn_key=(i,))).random()) for i in range(7)
    ]


def test_the_first_replicates_of_many_are_bit_for_bit_those_of_few():
    many = replicate(solved, 2 * BLOCK + 17, seed=1).values
    for n in (1, BLOCK - 1, BLOCK, BLOCK + 1):
        assert replicate(solved, n, seed=1).values == many[:n]


def test_any_number_of_workers_gives_the_same_bits():
    n = 3 * BLOCK + 5
    alone = replicate(solved, n, seed=5).values
    assert replicate(solved, n, seed=5, workers=2).values == alone
    assert replicate(solved, n, seed=5, workers=3).values == alone


def test_another_seed_gives_other_draws():
    assert set(replicate(one_number, 20, seed=1).values).isdisjoint(replicate(one_number, 20, seed=2).values)


def test_a_replicate_that_fails_is_a_row_with_its_reason_and_the_others_are_as_without_it():
    def picky(block):
        made = one_number(block)
        if any(v > 0.95 for v in made):
            raise UsageError("more than 0.95 was drawn")
        return made

    n = 2 * BLOCK + 3
    plain, found = replicate(one_number, n, seed=8), replicate(picky, n, seed=8)
    assert len(found.values) == n
    high = {i for i, v in enumerate(plain.values) if v > 0.95}
    assert high
    assert set(found.failures) == high
    assert found.succeeded == [v for i, v in enumerate(plain.values) if i not in high]
    assert found.note == f"{len(high)} of {n} replicates failed: more than 0.95 was drawn"


def test_a_function_may_say_itself_which_replicate_failed():
    def halves(block):
        return [Failed("odd") if g.integers(2) else 1.0 for g in block]

    found = replicate(halves, 40, seed=0)
    assert len(found.failures) + len(found.succeeded) == 40
    assert 0 < len(found.failures) < 40


def test_a_mistake_in_the_program_is_no_failed_replicate():
    with pytest.raises(KeyError):
        replicate(lambda block: {}["absent"], 2, seed=0)
    with pytest.raises(ValueError, match="returned 1 results for"):
        replicate(lambda block: [1.0], 2, seed=0)


def test_nothing_is_written_to_a_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(tmp_path))
    data = np.arange(2_000_000.0)  # 16 MB: beyond what joblib would hand over in a file
    replicate(lambda block: [float(data[g.integers(10)]) for g in block], 2 * BLOCK, seed=1, workers=2)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
    assert not list(Path("/dev/shm").glob("joblib_memmapping_folder_*/*"))


@pytest.mark.parametrize(
    ("wrong", "what"),
    [({"n": 0}, "n is 0"), ({"seed": -1}, "seed is -1"), ({"workers": 0}, "workers is 0")],
)
def test_a_number_that_cannot_be_is_named(wrong, what):
    with pytest.raises(UsageError, match=what):
        replicate(one_number, **{"n": 3, "seed": 1, "workers": 1, **wrong})


def test_a_generator_is_made_of_seed_and_number_alone():
    assert generator(4, 9).random() == generator(4, 9).random() != generator(4, 10).random()

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from armwise.errors import UsageError
from armwise.stats.multiplicity import bonferroni, fixed_sequence, holm


@pytest.mark.parametrize("procedure", [holm, bonferroni])
def test_adjusted_p_are_those_of_r_s_p_adjust(witness, procedure):
    for case in witness("multiplicity")["cases"]:
        p = {f"h{i}": q for i, q in enumerate(case["p"])}
        found = [d.adjusted_p for d in procedure(p).values()]
        assert found == pytest.approx(case[procedure.__name__], rel=1e-12)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=5), st.floats(0.01, 0.2))
def test_holm_is_the_closed_test_of_bonferroni(ps, alpha):
    """A hypothesis is rejected when Bonferroni rejects every intersection that holds it."""
    seen = False
    names = list(range(len(ps)))
    for i, decision in enumerate(holm(dict(enumerate(ps)), alpha).values()):
        sets = [s for k in range(1, len(ps) + 1) for s in combinations(names, k) if i in s]
        margin = min(abs(len(s) * min(ps[j] for j in s) - alpha) for s in sets)
        if margin > 1e-12:
            seen = True
            assert decision.rejected == all(len(s) * min(ps[j] for j in s) <= alpha for s in sets)
    assume(seen)


def test_a_hypothesis_without_p_counts_and_is_not_rejected_and_says_so():
    found = holm({"odi": 0.02, "pain": None, "eq5d": 0.001})
    assert found["eq5d"].adjusted_p == pytest.approx(0.003)  # three hypotheses, not two
    assert found["odi"].adjusted_p == pytest.approx(0.04)
    assert (found["pain"].rejected, found["pain"].adjusted_p) == (False, None)
    assert "counted" in found["pain"].reason


def test_a_fixed_sequence_goes_on_until_one_is_not_rejected():
    found = fixed_sequence({"a": 0.01, "b": 0.04, "c": 0.06, "d": 0.001})
    assert [d.rejected for d in found.values()] == [True, True, False, False]
    assert [d.adjusted_p for d in found.values()] == [0.01, 0.04, 0.06, 0.06]
    assert found["d"].reason == "the sequence ended at c" and found["c"].reason == ""


def test_a_missing_p_ends_a_fixed_sequence_openly():
    found = fixed_sequence({"a": 0.01, "b": None, "c": 0.001})
    assert [d.rejected for d in found.values()] == [True, False, False]
    assert "ends the sequence" in found["b"].reason
    assert found["c"].reason == "the sequence ended at b" and found["c"].adjusted_p == 1.0


def test_decisions_keep_the_order_of_the_protocol():
    assert list(holm({"z": 0.5, "a": 0.01, "m": 0.2})) == ["z", "a", "m"]


def test_no_hypotheses_give_no_decisions():
    assert holm({}) == bonferroni({}) == fixed_sequence({}) == {}


@pytest.mark.parametrize("procedure", [holm, bonferroni, fixed_sequence])
def test_a_p_or_alpha_in_per_cent_is_refused(procedure):
    with pytest.raises(UsageError, match="p of odi is 5"):
        procedure({"odi": 5})
    with pytest.raises(UsageError, match=r"write 0\.05"):
        procedure({"odi": 0.5}, alpha=5)

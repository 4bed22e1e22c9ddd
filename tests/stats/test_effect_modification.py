from __future__ import annotations

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats import ancova_interaction, difference_of_differences, risk_difference, welch


def same(found, r, rel=1e-9):
    numbers = {name: getattr(found, name) for name in ("estimate", "se", "p", "lower", "upper", "df")}
    assert numbers == pytest.approx(r, rel=rel)


@pytest.fixture
def arms(witness):
    return witness("association")["arms"]


def test_arm_by_a_number_is_r_s_product_term(witness, arms):
    found = ancova_interaction(
        arms["y"], arms["arm"], arms["bmi"], {"base": arms["base"]}, reference="control", at=[30]
    )
    same(found["bmc"].interactions[""], witness("association")["by_bmi"])
    same(found["bmc"].differences["30"], witness("association")["at30"])
    assert (found["bmc"].interactions[""].n_arm, found["bmc"].interactions[""].n_versus) == (40, 38)


def test_arm_by_categories_is_r_s_and_each_category_has_its_difference(witness, arms):
    r = witness("association")
    found = ancova_interaction(
        arms["y"], arms["arm"], arms["use"], {"base": arms["base"]}, reference="control"
    )["bmc"]
    for category in ("stopped", "yes"):
        same(found.interactions[category], r["by_use"][category])
    same(found.differences["no"], r["within_no"])
    gap = found.differences["yes"].estimate - found.differences["no"].estimate
    assert found.interactions["yes"].estimate == pytest.approx(gap, rel=1e-10)


def test_three_arms_have_an_interaction_each():
    rng = np.random.default_rng(1)
    arm = np.repeat(["c", "a", "b"], 20)
    x = rng.standard_normal(60)
    y = np.where(arm == "a", 2 * x, np.where(arm == "b", -x, 0)) + np.tile([0.01, -0.01], 30)
    found = ancova_interaction(y, arm, x, reference="c")
    assert found["a"].interactions[""].estimate == pytest.approx(2, abs=0.02)
    assert found["b"].interactions[""].estimate == pytest.approx(-1, abs=0.02)


def test_a_category_that_one_arm_lacks_cannot_be_compared():
    y, arm = [1.0, 2.0, 4.0, 3.0, 5.0, 7.0], ["c", "c", "c", "a", "a", "a"]
    found = ancova_interaction(y, arm, ["f", "f", "m", "f", "f", "f"], reference="c")
    assert found["a"].interactions["m"].status == "not estimable"
    assert found["a"].differences["f"].status == "ok"


def test_an_unknown_reference_is_refused():
    with pytest.raises(UsageError, match="expected 'x'"):
        ancova_interaction([1.0, 2.0], ["a", "b"], [1.0, 2.0], reference="x")


def test_the_difference_of_two_risk_differences_is_mover_by_hand():
    one, other = risk_difference(15, 20, 5, 20), risk_difference(9, 20, 8, 18)
    found = difference_of_differences(one, other)
    gap = one.estimate - other.estimate
    below = np.hypot(one.estimate - one.lower, other.upper - other.estimate)
    above = np.hypot(one.upper - one.estimate, other.estimate - other.lower)
    assert (found.estimate, found.lower, found.upper) == pytest.approx(
        (gap, gap - below, gap + above), rel=1e-12
    )
    assert (found.n, found.n_arm, found.n_versus, found.p) == (78, 40, 38, None)


def test_it_covers_the_truth_in_simulated_subgroups():
    rng, runs, covered = np.random.default_rng(5), 2000, 0
    risks, n = ((0.8, 0.3), (0.6, 0.3)), 20
    for _ in range(runs):
        a, b = (risk_difference(rng.binomial(n, p), n, rng.binomial(n, q), n) for p, q in risks)
        found = difference_of_differences(a, b)
        covered += found.lower <= 0.2 <= found.upper
    assert 0.94 <= covered / runs <= 0.975


def test_a_subgroup_without_an_estimate_leaves_none():
    one, other = welch([1.0, 2.0, 3.0], [2.0, 4.0, 5.0]), welch([1.0], [2.0, 3.0])
    found = difference_of_differences(one, other)
    assert found.status == "not estimable" and found.reason.startswith("within a subgroup")


def test_two_statistics_have_no_difference():
    with pytest.raises(UsageError, match="one statistic"):
        difference_of_differences(welch([1.0, 2.0], [2.0, 3.0]), risk_difference(1, 2, 1, 2))

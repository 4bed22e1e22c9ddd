from __future__ import annotations

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats import slopes


def same(found, r, rel=1e-9):
    numbers = {name: getattr(found, name) for name in ("estimate", "se", "p", "lower", "upper", "df")}
    assert numbers == pytest.approx(r, rel=rel)


def test_a_slope_alone_and_beside_other_characteristics_is_that_of_r_s_lm(witness):
    r = witness("association")
    d = r["data"]
    x = np.log2(d["x"])
    same(slopes(d["y"], x)[""], r["plain"])
    same(slopes(d["y"], x, {"age": d["age"], "sex": d["sex"]})[""], r["adjusted"])


def test_a_category_is_compared_with_the_first_as_r_s_lm_does(witness):
    r = witness("association")
    d = r["data"]
    found = slopes(d["y"], d["sex"], {"age": d["age"]})
    assert list(found) == ["m"] and found["m"].statistic == "mean difference"
    same(found["m"], r["sex"])


def test_a_slope_per_doubling_is_log_two_of_one_per_e(witness):
    d = witness("association")["data"]
    per_doubling, per_e = slopes(d["y"], np.log2(d["x"]))[""], slopes(d["y"], np.log(d["x"]))[""]
    assert per_doubling.estimate == pytest.approx(per_e.estimate * np.log(2), rel=1e-12)


def test_what_never_varies_has_no_slope():
    found = slopes([1.0, 2.0, 4.0], [5.0, 5.0, 5.0])[""]
    assert found.status == "not estimable" and "never varies" in found.reason


def test_what_the_covariates_determine_has_no_slope():
    x = np.arange(6.0)
    found = slopes([1.0, 2.0, 4.0, 3.0, 5.0, 9.0], x, {"twice": 2 * x})[""]
    assert found.status == "not estimable"


def test_one_category_has_nothing_to_compare():
    assert slopes([1.0, 2.0, 3.0], ["a", "a", "a"]) == {}


def test_missing_values_and_empty_samples_are_refused():
    with pytest.raises(UsageError, match="missing"):
        slopes([1.0, np.nan], [1.0, 2.0])
    with pytest.raises(UsageError, match="empty"):
        slopes([], [])

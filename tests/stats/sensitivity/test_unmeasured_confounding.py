from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import stdtrit

from armwise.errors import UsageError
from armwise.stats import ancova_fit
from armwise.stats.sensitivity.unmeasured_confounding import (
    LinearComparison,
    adjusted_for,
    as_strong_as,
    linear_comparison,
    partial_r2,
    robustness_value,
)

# Darfur (Cinelli and Hazlett 2020, section 5), as the authors' own program gives it: estimate, standard error, df
DARFUR = LinearComparison(0.09731582, 0.02325654, 783, {})
T = DARFUR.estimate / DARFUR.se
BOUNDS = {  # times female -> r2dz, r2yz, estimate, standard error, t, limits
    1: (0.00916428667504862, 0.12464092303637, 0.0752202698486415, 0.0218733298036818, 3.43890347394571),
    2: (0.0183285733500972, 0.249324064199975, 0.0529151689180575, 0.0203500639944344, 2.60024582392121),
    3: (0.0274928600251459, 0.374050471038094, 0.0303960178770157, 0.0186700665753491, 1.62806156873318),
}
LIMITS = {1: (0.0322829603180086, 0.118157579379274), 3: (-0.00625329133645187, 0.0670453270904833)}


def drawn(seed: int = 4, n: int = 80) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    dice = np.random.default_rng(seed)
    age, odi = dice.normal(60, 10, n), dice.normal(45, 12, n)
    sex = np.where(dice.uniform(size=n) < 0.4, "female", "male")
    z = dice.uniform(size=n) < 1 / (1 + np.exp(0.05 * (age - 60) - 0.04 * (odi - 45)))
    y = -8.0 * z + 0.2 * (age - 60) - 0.3 * (odi - 45) + 3 * (sex == "female") + dice.normal(0, 9, n)
    return y, z, {"age": age, "odi": odi, "sex": sex}


def test_the_published_example_has_its_robustness_values_and_partial_r2() -> None:
    assert robustness_value(T, 783) == pytest.approx(0.1387764, abs=5e-7)
    assert robustness_value(T, 783, alpha=0.05) == pytest.approx(0.07625797, abs=5e-8)
    assert partial_r2(T, 783) == pytest.approx(0.02187309, abs=5e-8)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_published_example_has_its_estimates_beside_a_confounder_like_female(k: int) -> None:
    r2dz, r2yz, estimate, se, t = BOUNDS[k]
    found = adjusted_for(DARFUR, r2dz, r2yz)
    assert (found.estimate, found.se, found.t) == pytest.approx((estimate, se, t), rel=1e-12)
    if (
        k in LIMITS
    ):  # that program's quantile has 783 degrees of freedom; ours one less, as its robustness value has
        half = float(stdtrit(783, 0.975)) * found.se
        assert (found.estimate - half, found.estimate + half) == pytest.approx(LIMITS[k], rel=1e-10)
        assert found.upper - found.estimate == pytest.approx(float(stdtrit(782, 0.975)) * found.se, rel=1e-12)


def test_the_published_bounds_at_two_and_three_times_follow_from_the_one_at_one_time() -> None:
    d, y = BOUNDS[1][:2]
    r2dx = d / (1 + d)
    r2zx = r2dx**2 / (1 - r2dx) ** 2
    f = y * (1 - r2zx) / (1 + math.sqrt(r2zx)) ** 2
    for k, wanted in BOUNDS.items():
        assert as_strong_as(r2dx, f / (1 + f), k) == pytest.approx(wanted[:2], rel=1e-12)


def test_the_comparison_is_the_one_of_the_analysis_of_covariance() -> None:
    y, z, X = drawn()
    found = linear_comparison(y, z, X)
    assert isinstance(found, LinearComparison)
    wanted = ancova_fit(y, np.where(z, "a", "b"), X, reference="b").differences["a"]
    assert (found.estimate, found.se, found.df) == pytest.approx(
        (wanted.estimate, wanted.se, wanted.df), rel=1e-10
    )


def test_the_strength_of_a_covariate_is_its_squared_partial_correlation() -> None:
    y, z, X = drawn()
    found = linear_comparison(y, z, X)
    assert isinstance(found, LinearComparison)
    C = np.column_stack([np.ones(len(y)), X["age"], X["sex"] == "female"])

    def residual(D: np.ndarray, v: np.ndarray) -> np.ndarray:
        return v - D @ np.linalg.lstsq(D, v, rcond=None)[0]

    Cz = np.column_stack([C, z])
    with_treatment = np.corrcoef(residual(C, X["odi"]), residual(C, z.astype(float)))[0, 1] ** 2
    with_outcome = np.corrcoef(residual(Cz, X["odi"]), residual(Cz, y))[0, 1] ** 2
    assert found.benchmarks["odi"] == pytest.approx((with_treatment, with_outcome), rel=1e-10)


@pytest.mark.parametrize(("r2dz", "r2yz"), [(0.1, 0.3), (0.02, 0.9), (0.4, 0.05)])
def test_a_made_confounder_of_that_strength_gives_exactly_that_estimate_and_standard_error(
    r2dz: float, r2yz: float
) -> None:
    y, z, X = drawn()
    found = linear_comparison(y, z, X)
    assert isinstance(found, LinearComparison)
    dice = np.random.default_rng(1)
    C = np.column_stack([np.ones(len(y)), X["age"], X["odi"], X["sex"] == "female"])

    def unit(v: np.ndarray) -> np.ndarray:
        return v / np.linalg.norm(v)

    def residual(D: np.ndarray, v: np.ndarray) -> np.ndarray:
        return v - D @ np.linalg.lstsq(D, v, rcond=None)[0]

    d = unit(residual(C, z.astype(float)))
    e = unit(residual(np.column_stack([C, z]), y))
    other = unit(residual(np.column_stack([C, z, y]), dice.normal(size=len(y))))
    # within the space that C leaves: the share r2dz along d, and r2yz of the rest along e
    sign = -1.0  # along with the (negative) coefficient, so that measuring it takes some away
    Z = sign * math.sqrt(r2dz) * d + math.sqrt(1 - r2dz) * (math.sqrt(r2yz) * e + math.sqrt(1 - r2yz) * other)
    full = np.column_stack([z, C, Z + C @ dice.normal(size=4)])
    beta, rss = np.linalg.lstsq(full, y, rcond=None)[:2]
    se = math.sqrt(rss[0] / (len(y) - full.shape[1]) * np.linalg.inv(full.T @ full)[0, 0])
    wanted = adjusted_for(found, r2dz, r2yz)
    assert (wanted.estimate, wanted.se) == pytest.approx((beta[0], se), rel=1e-8)
    assert abs(wanted.estimate) < abs(found.estimate) or wanted.estimate * found.estimate < 0


@pytest.mark.parametrize("k", [0.5, 1.0, 2.0])
def test_a_made_confounder_k_times_as_strong_as_a_covariate_has_the_bounds_strength(k: float) -> None:
    # a covariate x and a confounder u, unrelated, u explaining k times what x does of d and of y
    dice = np.random.default_rng(2)
    B = np.linalg.qr(np.column_stack([np.ones(60), dice.normal(size=(60, 4))]))[0][:, 1:]
    x, u, v, w = B.T
    a2 = 0.12
    d = math.sqrt(a2) * x + math.sqrt(k * a2) * u + math.sqrt(1 - a2 - k * a2) * v
    one = np.ones(60)

    def r2(y: np.ndarray, new: np.ndarray, *given: np.ndarray) -> float:
        D = np.column_stack([one, *given])

        def rss(D: np.ndarray) -> float:
            e = y - D @ np.linalg.lstsq(D, y, rcond=None)[0]
            return float(e @ e)

        return 1 - rss(np.column_stack([D, new])) / rss(D)

    r2dx = r2(d, x)  # without the confounder
    # an outcome of which u explains k times what x does, both given d (and that is what the bound assumes)
    ex = x - np.column_stack([one, d]) @ np.linalg.lstsq(np.column_stack([one, d]), x, rcond=None)[0]
    eu = u - np.column_stack([one, d]) @ np.linalg.lstsq(np.column_stack([one, d]), u, rcond=None)[0]
    rho = float(ex @ eu / math.sqrt((ex @ ex) * (eu @ eu)))
    px, pu = 0.25, -0.25 * math.sqrt(k)  # correlations with y given d, of the sign that makes the bound tight
    if rho > 0:
        pu = -pu
    G = np.array([[1, rho], [rho, 1]])
    beta = np.linalg.solve(G, [px, pu])
    fit = beta[0] * ex / np.linalg.norm(ex) + beta[1] * eu / np.linalg.norm(eu)
    y = fit + math.sqrt(1 - float(fit @ fit)) * w
    bound = as_strong_as(r2dx, r2(y, x, d), k)
    assert bound is not None
    assert r2(d, u, x) == pytest.approx(bound[0], rel=1e-9)
    assert r2(y, u, x, d) <= bound[1] * (1 + 1e-9)
    opposite = fit * 0 + (lambda b: b[0] * ex / np.linalg.norm(ex) + b[1] * eu / np.linalg.norm(eu))(
        np.linalg.solve(G, [px, -pu])
    )
    y = opposite + math.sqrt(1 - float(opposite @ opposite)) * w
    assert r2(y, u, x, d) == pytest.approx(as_strong_as(r2dx, r2(y, x, d), k)[1], rel=1e-9)  # type: ignore[index]


@pytest.mark.parametrize(("t", "df"), [(4.2, 783), (2.5, 70), (3.3, 7), (9.0, 5), (1.0, 70)])
def test_the_robustness_value_is_the_smallest_share_that_no_confounder_within_it_survives(
    t: float, df: int
) -> None:
    found = LinearComparison(t, 1.0, df, {})
    critical = float(stdtrit(df - 1, 0.975))

    def lowest(share: float) -> float:
        shares = np.linspace(0, share, 1501)
        return min(adjusted_for(found, share, float(s)).t for s in shares)

    rv = robustness_value(t, df, alpha=0.05)
    if rv == 0:
        assert adjusted_for(found, 0, 0).t < critical
        return
    assert lowest(rv) == pytest.approx(critical, abs=2e-3)
    assert lowest(0.98 * rv) > critical
    whole = robustness_value(t, df)
    assert adjusted_for(found, whole, whole).estimate == pytest.approx(0, abs=1e-9)


def test_a_confounder_of_all_of_the_outcome_needs_the_partial_r2_of_the_treatment() -> None:
    found = LinearComparison(-8.0, 2.5, 70, {})
    assert adjusted_for(found, partial_r2(-3.2, 70), 1.0).estimate == pytest.approx(0, abs=1e-12)


def test_a_confounder_that_would_explain_more_than_everything_has_no_bound() -> None:
    assert as_strong_as(0.3, 0.2, 3) is None
    assert as_strong_as(0.05, 0.6, 2) == (pytest.approx(0.1 / 0.95), 1.0)
    assert as_strong_as(0.0, 0.2, 2) == (0.0, pytest.approx(0.5))


def test_what_cannot_be_fitted_says_why() -> None:
    y, z, X = drawn(n=20)
    assert linear_comparison(y, z, {"same": z.astype(float)}) == "the covariates determine the arm"
    assert "too few" in str(linear_comparison(y[:4], z[:4], {"age": X["age"][:4], "odi": X["odi"][:4]}))
    assert "exactly" in str(linear_comparison(3.0 * z, z, {"age": X["age"]}))


def test_shares_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError, match="partial R2"):
        adjusted_for(DARFUR, 1.0, 0.1)
    with pytest.raises(UsageError, match="partial R2"):
        as_strong_as(1.0, 0.1)
    with pytest.raises(UsageError, match="degrees of freedom"):
        robustness_value(2.0, 1)
    with pytest.raises(UsageError, match="alpha"):
        robustness_value(2.0, 10, alpha=5)

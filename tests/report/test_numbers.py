from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from armwise.analysis.results import row
from armwise.errors import UsageError
from armwise.report import numbers
from armwise.report.numbers import interval, number, p_value, percent, points, shown


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (percent(13 / 40), "33%"),
        (percent(39 / 40), "98%"),
        (percent(33 / 40), "83%"),
        (points(33 / 40 - 20 / 40), "33"),  # the float is 0.32499999999999996
        (points(-0.425), "\u221243"),
        (number(-0.04, 1), "0.0"),
        (number(2.675, 2), "2.68"),
        (number(25000), "25\u202f000"),
        (interval(-12.8, -19.4, -6.2, 1, level=0.95), "\u221212.8 (95% CI \u221219.4 to \u22126.2)"),
        (number(9999), "9999"),
    ],
)
def test_ten_numbers_are_shown_in_the_plain_style(made: str, expected: str) -> None:
    assert made == expected


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (0.0, "<0.001"),
        (0.00099, "<0.001"),
        (0.001, "0.001"),
        (0.0042, "0.004"),
        (0.0099, "0.010"),
        (0.01, "0.01"),
        (0.045, "0.05"),
        (0.41, "0.41"),
        (0.99, "0.99"),
        (0.994, ">0.99"),
        (1.0, ">0.99"),
    ],
)
def test_p_has_two_decimals_three_below_a_hundredth_and_is_never_zero_or_one(p: float, expected: str) -> None:
    assert p_value(p) == expected


def test_p_outside_zero_to_one_is_refused() -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        p_value(1.2)


@pytest.mark.parametrize("n", range(1, 201))
def test_every_proportion_of_up_to_200_subjects_rounds_as_its_exact_fraction(n: int) -> None:
    for k in range(n + 1):
        for decimals in (0, 1):
            exact = Fraction(k * 100 * 10**decimals, n)
            by_hand = (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
            want = f"{by_hand // 10**decimals}" + (f".{by_hand % 10}" if decimals else "")
            assert percent(k / n, decimals, sign=False) == want


@given(st.fractions(min_value=-1000, max_value=1000, max_denominator=400), st.integers(0, 3))
@settings(max_examples=200)
def test_rounding_is_odd_and_half_goes_away_from_zero(value: Fraction, decimals: int) -> None:
    up, down = number(float(value), decimals), number(-float(value), decimals)
    assert up.removeprefix(numbers.MINUS) == down.removeprefix(numbers.MINUS)
    scaled = abs(value) * 10**decimals
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    digits = up.removeprefix(numbers.MINUS).replace(numbers.NARROW_SPACE, "")
    assert Decimal(digits) == Decimal(whole).scaleb(-decimals)


@given(st.floats(-1e6, 1e6), st.integers(0, 4))
@settings(max_examples=200)
def test_nothing_is_rounded_twice_and_zero_has_no_sign(value: float, decimals: int) -> None:
    text = number(value, decimals).replace(numbers.NARROW_SPACE, "").replace(numbers.MINUS, "-")
    expected = Decimal(format(value, ".15g")).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    assert Decimal(text) == expected
    assert not (expected == 0 and "-" in text)


def test_what_cannot_be_estimated_is_never_shown_as_a_number() -> None:
    with pytest.raises(UsageError, match="NaN"):
        number(float("nan"))
    with pytest.raises(UsageError, match="no value"):
        number(None)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="nobody answered"):
        shown(row("mean", None, status="not estimable", reason="nobody answered"))


def test_infinity_is_a_symbol() -> None:
    assert number(float("inf"), 1) == "\u221e"
    assert number(float("-inf"), 1) == "\u2212\u221e"


def test_estimate_and_limits_share_their_decimals() -> None:
    made = shown(
        row(
            "mean difference",
            -12.84,
            se=3.4,
            lower=-19.44,
            upper=-6,
            conf_level=0.95,
            unit="points",
            p=0.0004,
        )
    )
    assert made.long == "\u221212.8 points (95% CI \u221219.4 to \u22126.0)"
    assert made.p == "<0.001"


def test_a_risk_difference_is_in_points_and_a_risk_in_per_cent() -> None:
    difference = row(
        "risk difference", 0.425, lower=0.18, upper=0.63, conf_level=0.95, n_arm=37, n_versus=35, n=72
    )
    assert shown(difference).long == "43 percentage points (95% CI 18 to 63)"
    assert shown(row("risk", 27 / 40, lower=0.52, upper=0.8, conf_level=0.95, n=40)).text == "68% (52 to 80%)"
    assert shown(row("risk", 0.675, n=120)).text == "67.5%"


@pytest.mark.parametrize(
    ("se", "decimals"),
    [(25.0, 0), (11.0, 0), (9.0, 1), (3.4, 1), (0.82, 1), (0.41, 1), (0.19, 2), (0.025, 2), (0.015, 3)],
)
def test_a_difference_has_one_or_two_digits_of_its_standard_error(se: float, decimals: int) -> None:
    assert numbers.se_decimals(se) == decimals


@pytest.mark.parametrize(
    ("ratio", "decimals"), [(0.05, 3), (0.43, 2), (1.234, 2), (3.99, 2), (5.2, 1), (12.0, 1), (52.0, 0)]
)
def test_a_ratio_follows_the_rule_of_four(ratio: float, decimals: int) -> None:
    assert numbers.ratio_decimals(ratio) == decimals


def test_the_head_above_intervals_says_their_level_or_that_they_differ() -> None:
    nine = row("mean difference", 1.0, lower=0.0, upper=2.0, conf_level=0.9)
    five = row("mean difference", 1.0, lower=0.0, upper=2.0, conf_level=0.95)
    without = row("mean difference", None, conf_level=0.8, status="not estimable", reason="nobody answered")
    assert numbers.level([nine, without, None]) == "90%\u00a0CI"
    assert numbers.level([nine, five]) == "CI"
    assert numbers.levels([nine, five, five]) == ["95% CI", "90% CI"]
    assert shown(nine).levelled == "1.0 (90% CI 0.0 to 2.0)"


def test_a_change_in_per_cent_has_its_sign_and_a_difference_of_two_is_in_percentage_points() -> None:
    about = {"unit": "per cent", "conf_level": 0.95}
    mean = row("mean", -20.12, lower=-30.04, upper=-10.2, **about)
    assert shown(mean, sd=13.0).long == "−20.1% (95% CI −30.0 to −10.2%)"
    difference = row("mean difference", -12.84, se=3.4, lower=-19.44, upper=-6.0, **about)
    assert shown(difference).long == "−12.8 percentage points (95% CI −19.4 to −6.0)"
    assert shown(row("shift", 4.0, lower=1.0, upper=6.5, **about)).unit == "percentage points"
    score = row(
        "mean difference", -12.84, se=3.4, unit="%"
    )  # a score from 0 to 100 is not a change in per cent
    assert shown(score).unit == "points"


def test_a_mean_takes_its_digits_from_the_sd() -> None:
    assert shown(row("mean", 46.12, unit="points"), sd=13.2).estimate == "46.1"
    assert shown(row("mean", 0.6149), sd=0.15).estimate == "0.61"
    assert shown(row("mean", 1234.5), sd=250.0).estimate == "1235"


def test_a_correlation_has_two_decimals_and_counts_of_a_model_none() -> None:
    about = {
        "lower": None,
        "upper": None,
        "conf_level": None,
        "p": None,
        "se": None,
        "unit": "",
        "status": "ok",
    }
    said = {
        statistic: shown({"statistic": statistic, "estimate": estimate, "key": "", "reason": "", **about}).estimate
        for statistic, estimate in {
            "correlation": 0.555, "observations": 301, "variance parameters": 10.0, "evaluations": 4,
            "log likelihood": -1067.753, "aic": 2155.5065,
        }.items()
    }  # fmt: skip
    assert list(said.values()) == ["0.56", "301", "10", "4", "\u22121067.8", "2155.5"]

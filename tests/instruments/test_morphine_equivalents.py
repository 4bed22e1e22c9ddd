"""Opioids as morphine a day: published examples, each confirmed factor, and refusals that say what was found."""

from __future__ import annotations

import pytest

from armwise.errors import UsageError
from armwise.instruments import daily_mme, morphine_factors
from armwise.instruments.morphine_equivalents import factor_of, mistakes


@pytest.mark.parametrize(
    ("drug", "dose", "unit", "times", "expected"),
    [
        ("hydrocodone", 5, "mg", 4, 20),  # the guideline's own examples
        ("oxycodone", 10, "mg", 2, 30),
        ("fentanyl", 25, "mcg/h", None, 60),
        ("Tramadol", 50, "mg", 3, 30),
        (" codeine ", 30, "mg", 4, 18),
        ("tapentadol", 50, "mg", 2, 40),
    ],
)
def test_the_worked_examples_come_out_exactly(
    drug: str, dose: float, unit: str, times: float | None, expected: float
) -> None:
    assert daily_mme(drug, dose, unit, times) == expected


def test_the_table_holds_the_factors_of_2022_with_their_units_and_no_other() -> None:
    expected = {
        "codeine": (0.15, "mg"), "fentanyl": (2.4, "mcg/h"), "hydrocodone": (1, "mg"), "hydromorphone": (5, "mg"),
        "methadone": (4.7, "mg"), "morphine": (1, "mg"), "oxycodone": (1.5, "mg"), "oxymorphone": (3, "mg"),
        "tapentadol": (0.4, "mg"), "tramadol": (0.2, "mg"), "buprenorphine": (None, ""),
    }  # fmt: skip
    assert {f.drug: (f.factor, f.unit) for f in morphine_factors()} == expected


def test_a_patch_is_not_counted_by_the_patches_of_a_month() -> None:
    """7.2 a patch is 2.4 a day for three days: ten patches of 25 in 30 days are one in place, 60 MME/day."""
    assert daily_mme("fentanyl", 25, "mcg/h") == pytest.approx(25 * 10 * 7.2 / 30)
    with pytest.raises(UsageError, match="a rate that lasts all day"):
        daily_mme("fentanyl", 25, "mcg/h", times=0.33)


@pytest.mark.parametrize("route", [None, "transdermal", "oral", "buccal"])
def test_buprenorphine_has_no_dose_by_any_route_which_is_not_0_and_says_why(route: str | None) -> None:
    assert daily_mme("buprenorphine", 10, "mcg/h", route=route) is None
    factor = factor_of("buprenorphine", route)
    assert factor is not None
    assert "partial agonist" in factor.note


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (("oxycodon", 5, "mg", 4, None), "CDC 2022 has no factor for the opioid `oxycodon`"),
        (("levorphanol", 2, "mg", 3, None), "CDC 2022 has no factor for the opioid `levorphanol`"),
        (("fentanyl", 100, "mg", 2, None), "found fentanyl in `mg`, but its factor goes with mcg/h"),
        (("morphine", 20, "mg", 2, "intravenous"), "no factor for morphine by the route `intravenous`, only for oral"),
        (("oxycodone", 10, "mcg", 2, "oral"), "found oxycodone in `mcg`, but its factor goes with mg"),
        (("oxycodone", -10, "mg", 2, "oral"), "found a dose of -10"),
        (("oxycodone", 10, "mg", 0, "oral"), "found 0 doses a day"),
    ],
)  # fmt: skip
def test_what_has_no_factor_is_refused_and_named(record: tuple[object, ...], said: str) -> None:
    with pytest.raises(UsageError) as error:
        daily_mme(record[0], record[1], record[2], record[3], record[4])  # type: ignore[arg-type]
    assert said in str(error.value)


def test_the_nearest_drug_is_offered_and_all_mistakes_of_a_record_are_said_at_once() -> None:
    (found,) = mistakes("oxycodon", 5, "mg", 4)
    assert found[2] == "did you mean `oxycodone`?"
    assert [column for column, _, _ in mistakes("tramadol", 0, "mcg/h", -1)] == ["unit", "dose", "times"]


def test_an_unknown_version_of_the_factors_is_refused() -> None:
    with pytest.raises(UsageError, match="no factors `cdc_2016`; there are cdc_2022"):
        morphine_factors("cdc_2016")

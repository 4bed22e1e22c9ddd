from __future__ import annotations

from fractions import Fraction

import pytest

from armwise.protocol.units import conversion, dose_unit, millilitres, per_millilitre


@pytest.mark.parametrize(
    ("unit", "per"),
    [
        ("/mL", 1),
        ("10^6/mL", 10**6),
        ("10^3/uL", 10**6),
        ("10^3/\u00b5L", 10**6),
        ("10^9/L", 10**6),
        ("10^6 / mL", 10**6),
    ],
)
def test_a_concentration_is_read_as_so_many_a_millilitre(unit: str, per: int) -> None:
    assert per_millilitre(unit) == per


@pytest.mark.parametrize("unit", ["%", "mL", "10^6", "10^6/kg", "mg/mL x", ""])
def test_what_is_no_concentration_is_not_guessed(unit: str) -> None:
    assert per_millilitre(unit) is None


def test_a_conversion_is_exact_and_only_within_one_kind() -> None:
    assert conversion("10^3/uL", "10^6/mL") == 1
    assert conversion("/uL", "/mL") == 1000
    assert conversion("uL", "mL") == Fraction(1, 1000) == millilitres("uL")
    assert conversion("10^6/mL", "mL") is None and conversion("%", "/mL") is None


@pytest.mark.parametrize(
    ("concentration", "volume", "unit"),
    [("10^6/mL", "mL", "10^6"), ("/mL", "mL", ""), ("10^3/uL", "mL", None), ("%", "mL", None)],
)
def test_a_dose_has_the_unit_that_the_volume_leaves(
    concentration: str, volume: str, unit: str | None
) -> None:
    assert dose_unit(concentration, volume) == unit

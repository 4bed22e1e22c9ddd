"""Opioids as milligrams of morphine a day (MME/day), with a published table of conversion factors.

An estimate for comparing how much opioid groups of patients take. It is never to be used to convert one opioid into
another in a patient; methadone and fentanyl patches need the most care.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from armwise.errors import UsageError

#: Version of the factors -> what people call it. One file of `factors/` each.
VERSIONS: Mapping[str, str] = {"cdc_2022": "CDC 2022"}
#: Units of a dose that is taken so many times a day; any other unit is a rate that lasts all day.
TAKEN = ("mg",)


@dataclass(frozen=True, slots=True)
class Factor:
    """One line of a table of factors.

    Attributes:
        drug: active ingredient, in small letters.
        route: how it is given; "" for any.
        unit: unit of the dose that the factor belongs to: `mg` (times doses a day), `mcg/h` (of a patch in place).
        factor: MME/day for one unit a day (`mg`) or for one unit (`mcg/h`); None where the table has none.
        note: what to know; why there is no factor.
    """

    drug: str
    route: str
    unit: str
    factor: float | None
    note: str = ""

    @property
    def label(self) -> str:
        """`fentanyl (transdermal, mcg/h)`."""
        return f"{self.drug} ({self.route}, {self.unit})" if self.factor is not None else self.drug


@lru_cache(maxsize=4)
def morphine_factors(version: str = "cdc_2022") -> tuple[Factor, ...]:
    """A table of conversion factors, with those drugs that it leaves out on purpose.

    Args:
        version: one of `VERSIONS`.

    Raises:
        UsageError: no such version.

    Source: CDC Clinical Practice Guideline for Prescribing Opioids for Pain, 2022 (MMWR Recomm Rep 71(3)), the table
        of conversion factors, checked in two copies of it.
    """
    if version not in VERSIONS:
        raise UsageError(f"no factors `{version}`; there are {', '.join(VERSIONS)}")
    file = resources.files("armwise.instruments") / "factors" / f"{version}.csv"
    lines = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    return tuple(
        Factor(r["drug"], r["route"], r["unit"], float(r["factor"]) if r["factor"] else None, r["note"])
        for r in lines
    )


def factor_of(drug: str, route: str | None, version: str = "cdc_2022") -> Factor | None:
    """The factor of a drug by its route; without a route the only one that it has.

    A drug that the table leaves out on purpose has a `Factor` without a number; an unknown drug or route has none.
    """
    name, by = drug.strip().lower(), (route or "").strip().lower()
    found = [f for f in morphine_factors(version) if f.drug == name]
    if route is None:
        return found[0] if len(found) == 1 else None
    return next((f for f in found if f.route in ("", by)), None)


def daily_mme(
    drug: str,
    dose: float,
    unit: str,
    times: float | None = None,
    route: str | None = None,
    *,
    version: str = "cdc_2022",
) -> float | None:
    """Milligrams of morphine a day that one drug amounts to.

    Args:
        drug: active ingredient.
        dose: one dose in mg, or the strength of the patch in place in mcg/h.
        unit: `mg` or `mcg/h`; the factor's own unit, nothing is converted.
        times: doses a day; only of a dose in mg.
        route: `oral`, `transdermal`; None where the drug has one factor only.
        version: of the factors.

    Returns:
        MME/day; None for a drug that the table leaves out on purpose (buprenorphine), which is not 0.

    Raises:
        UsageError: an unknown drug, or a route, a unit or a number of doses that the factor does not go with.

    Example:
        >>> daily_mme("hydrocodone", 5, "mg", times=4), daily_mme("fentanyl", 25, "mcg/h")
        (20.0, 60.0)
    """
    faults = [what for _, what, _ in mistakes(drug, dose, unit, times, route, version=version)]
    if faults:
        raise UsageError("; ".join(faults))
    factor = factor_of(drug, route, version)
    if factor is None or factor.factor is None:
        return None
    amount = dose * (times or 0.0) if factor.unit in TAKEN else dose
    return round(amount * factor.factor, 9)


def mistakes(
    drug: str,
    dose: float | None,
    unit: str | None,
    times: float | None,
    route: str | None = None,
    *,
    version: str = "cdc_2022",
) -> Iterator[tuple[str, str, str]]:
    """What is wrong with an opioid's record: (`drug`, `route`, `unit`, `dose` or `times`; what; what to do).

    An empty dose, unit or number of doses is no mistake: the amount is not known.
    """
    from armwise.yaml_lines import nearest

    label = VERSIONS[version]
    factor = factor_of(drug, route, version)
    if factor is None:
        known = [f for f in morphine_factors(version) if f.drug == drug.strip().lower()]
        if known:
            routes = ", ".join(f.route for f in known)
            what = f"{label} has no factor for {drug} by the route `{route or ''}`, only for {routes}"
            yield "route", what, "correct the route; a dose by another route has no MME"
            return
        what = f"{label} has no factor for the opioid `{drug}`"
        yield "drug", what, nearest(drug, [f.drug for f in morphine_factors(version)])
        return
    if factor.factor is None:
        return
    if unit is not None and unit != factor.unit:
        what = f"found {drug} in `{unit}`, but its factor goes with {factor.unit}"
        yield "unit", what, f"enter the dose in {factor.unit}: nothing is converted"
    if dose is not None and dose <= 0:
        yield "dose", f"found a dose of {dose:g}", "enter a dose above 0, or end the record"
    if factor.unit in TAKEN:
        if times is not None and times <= 0:
            yield "times", f"found {times:g} doses a day", "enter a number above 0, or end the record"
    elif times is not None:
        what = f"found {times:g} times a day, but {factor.unit} of a patch is a rate that lasts all day"
        yield "times", what, "leave it empty, and enter the strength of the patch in place"

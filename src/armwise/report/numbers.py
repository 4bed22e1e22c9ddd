"""Numbers as people read them: one rounding rule, one minus sign, one place that decides the digits.

The plain style: half away from zero on the decimal value, U+2212 for minus, no negative zero, an estimate
and its limits with the same decimals, "to" between limits, p last and never zero. How many digits
follows Cole, "Too many digits", Arch Dis Child 2015;100:608-609.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any, Final

from armwise.errors import UsageError
from armwise.stats.estimate import RATIOS

MINUS: Final = "\u2212"
INFINITY: Final = "\u221e"
NARROW_SPACE: Final = "\u202f"

#: Statistics that are differences of proportions: shown in percentage points, not in per cent.
POINT_STATISTICS: Final = frozenset({"risk difference", "possible risk difference"})
#: Statistics that are shares: shown in per cent.
SHARE_STATISTICS: Final = frozenset(
    {
        "risk",
        "share",
        "cumulative share",
        "chance imbalance",
        "probability of a better outcome",
        "percent agreement",
    }
    | {"partial r2", "robustness value", "overturning probability"}
)
COUNT_STATISTICS: Final = frozenset(
    {
        "count",
        "n",
        "missing",
        "responders",
        "subjects",
        "expected",
        "received",
        "scored",
        "comparisons",
        "tests",
        "missing outcomes",
        "events",
        "serious events",
        "combinations overturned",
        "places",
        "readings",
        "imaged",
        "excluded",
        "observations",
        "variance parameters",
        "evaluations",
    }
)

Real = float | int | Decimal | Fraction


def decimal_value(value: Real, scale: int = 1) -> Decimal:
    """The decimal that a number stands for, times `scale`.

    A float stands for the 15 significant digits that it carries for certain, so that 33/40 - 20/40 is 0.325
    and not 0.32499999999999996; whole numbers, decimals and fractions are exact.
    """
    if isinstance(value, Fraction):
        return Decimal(value.numerator * scale) / Decimal(value.denominator)
    if isinstance(value, Decimal):
        return value * scale
    if isinstance(value, float):
        if math.isnan(value):
            raise UsageError("found NaN; what cannot be estimated is shown in words, with its reason")
        return Decimal(format(value, ".15g")) * scale
    return Decimal(int(value)) * scale


def number(value: Real, decimals: int = 0, scale: int = 1) -> str:
    """A number with a fixed number of decimals, rounded half away from zero.

    Args:
        value: the number; infinity is shown as a symbol.
        decimals: digits after the point.
        scale: multiplied before rounding, so that a proportion is rounded once (100 for per cent).

    Raises:
        UsageError: the value is NaN, or None.

    Example:
        >>> number(-12.85, 1), number(-0.04, 1), number(2.5), number(25000)
        ('−12.9', '0.0', '3', '25\u202f000')
    """
    if value is None:
        raise UsageError("found no value; what cannot be estimated is shown in words, with its reason")
    if isinstance(value, float) and math.isinf(value):
        return INFINITY if value > 0 else MINUS + INFINITY
    rounded = decimal_value(value, scale).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    if rounded == 0:
        rounded = abs(rounded)
    whole, point, digits = f"{abs(rounded):f}".partition(".")
    if len(whole) > 4:
        whole = f"{int(whole):,}".replace(",", NARROW_SPACE)
    return (MINUS if rounded < 0 else "") + whole + point + digits


def percent(fraction: Real, decimals: int = 0, sign: bool = True) -> str:
    """A proportion as per cent.

    Example:
        >>> percent(13 / 40), percent(39 / 40), percent(33 / 40, sign=False)
        ('33%', '98%', '83')
    """
    return number(fraction, decimals, scale=100) + ("%" if sign else "")


def points(fraction: Real, decimals: int = 0) -> str:
    """A difference of proportions as percentage points, without the words.

    Example:
        >>> points(-0.425)
        '−43'
    """
    return number(fraction, decimals, scale=100)


def limits(lower: Real, upper: Real, decimals: int = 0, scale: int = 1) -> str:
    """Two limits of an interval: `−19.4 to −6.2`."""
    return f"{number(lower, decimals, scale)} to {number(upper, decimals, scale)}"


def interval(
    estimate: Real, lower: Real, upper: Real, decimals: int = 0, scale: int = 1, level: float | None = None
) -> str:
    """An estimate with its interval, all with the same decimals.

    Args:
        estimate, lower, upper: the three numbers, in one unit.
        decimals: digits after the point of all three.
        scale: 100 shows proportions as percentage points.
        level: with a confidence level the words are said too.

    Example:
        >>> interval(-12.8, -19.4, -6.2, 1), interval(0.425, 0.18, 0.63, scale=100, level=0.95)
        ('−12.8 (−19.4 to −6.2)', '43 (95% CI 18 to 63)')
    """
    words = "" if level is None else f"{confidence(level)} "
    return f"{number(estimate, decimals, scale)} ({words}{limits(lower, upper, decimals, scale)})"


def confidence(level: float) -> str:
    """A confidence level in words: `95% CI`, `97.5% CI`."""
    shown = decimal_value(level, 100).normalize()
    return f"{shown:f}% CI"


#: What intervals of different levels are called together.
MIXED: Final = "CI"


def level(rows: Iterable[Mapping[str, Any] | None]) -> str:
    r"""What the head above intervals calls them: `95% CI`, or `CI` where their levels differ (each then says its own).

    Args:
        rows: rows of the results table; those without an interval do not count.

    Example:
        >>> nine, five = ({"lower": 0.0, "conf_level": level} for level in (0.9, 0.95))
        >>> level([five, five]), level([nine]), level([nine, five])
        ('95%\xa0CI', '90%\xa0CI', 'CI')
    """
    found = levels(rows)
    return found[0].replace(" ", "\u00a0") if len(found) == 1 else MIXED


def levels(rows: Iterable[Mapping[str, Any] | None]) -> list[str]:
    """Each level of the rows' intervals, the highest first: `['95% CI', '90% CI']`."""
    found = {r["conf_level"] or 0.95 for r in rows if r is not None and r["lower"] is not None}
    return [confidence(x) for x in sorted(found, reverse=True)]


def p_value(p: float) -> str:
    """A p-value without its letter: 2 decimals, 3 below 0.01, never 0 and never 1.

    Example:
        >>> p_value(0.034), p_value(0.0042), p_value(0.0001), p_value(0.997)
        ('0.03', '0.004', '<0.001', '>0.99')
    """
    if p is None or math.isnan(p) or not 0 <= p <= 1:
        raise UsageError(f"found p = {p!r}; a p-value lies between 0 and 1")
    if p < 0.001:
        return "<0.001"
    if p > 0.99:
        return ">0.99"
    return number(p, 3 if p < 0.01 else 2)


def sd_decimals(sd: float | None) -> int:
    """Decimals of a mean and its SD: two significant digits of the SD, at least one decimal below 100.

    Source: Cole 2015; the floor keeps 46.1 (13.2) where whole points would hide a difference.
    """
    if sd is None or not math.isfinite(sd) or sd <= 0:
        return 1
    return 0 if sd >= 100 else min(4, max(1, 1 - math.floor(math.log10(sd))))


def se_decimals(se: float | None) -> int:
    """Decimals of a difference: one or two significant digits of its standard error (Cole 2015)."""
    if se is None or not math.isfinite(se) or se <= 0:
        return 1
    needed = math.ceil(math.log10(2 / se))
    return min(4, max(needed, 1 if se < 10 else 0))


def ratio_decimals(ratio: float | None) -> int:
    """Decimals of a ratio by the rule of four: three significant digits below 4, else two (Cole 2015)."""
    if ratio is None or not math.isfinite(ratio) or ratio <= 0:
        return 2
    magnitude = math.floor(math.log10(ratio))
    significant = 3 if ratio / 10.0**magnitude < 4 else 2
    return min(max(significant - 1 - magnitude, 0), 2 if ratio >= 0.1 else 3)


def percent_decimals(n: int | None) -> int:
    """Decimals of a per cent: none below 100 subjects, one from there."""
    return 0 if n is None or n < 100 else 1


@dataclass(frozen=True, slots=True)
class Shown:
    """A results row as people read it; each part is empty where the row has none.

    Attributes:
        estimate: the estimate, with its % when it is a share.
        limits: `18 to 63`.
        unit: what the number counts, in words: `percentage points`, `points`, ``.
        confidence: `95% CI`.
        p: `0.03`, `<0.001`.
        decimals, scale: how the numbers were made, so that others can be shown alike.
    """

    estimate: str
    limits: str
    unit: str
    confidence: str
    p: str
    decimals: int
    scale: int

    @property
    def text(self) -> str:
        """`43 (18 to 63)`, or the estimate alone."""
        return f"{self.estimate} ({self.limits})" if self.limits else self.estimate

    @property
    def levelled(self) -> str:
        """`43 (95% CI 18 to 63)`, or the estimate alone."""
        return f"{self.estimate} ({self.confidence} {self.limits})" if self.limits else self.estimate

    @property
    def long(self) -> str:
        """`43 percentage points (95% CI 18 to 63)`."""
        quantity = f"{self.estimate} {self.unit}" if self.unit else self.estimate
        return f"{quantity} ({self.confidence} {self.limits})" if self.limits else quantity


def in_points(row: Mapping[str, Any]) -> bool:
    """Whether a row is a difference of proportions, shown in percentage points."""
    statistic = row["statistic"]
    return statistic in POINT_STATISTICS or (
        row.get("unit") == "proportion"
        and statistic not in SHARE_STATISTICS | RATIOS | {"number needed to treat"}
    )


def row_decimals(row: Mapping[str, Any], sd: float | None = None) -> int:
    """The decimals of a results row: the one rule that tables, sentences and figures share.

    Args:
        row: a row of the results table.
        sd: the SD beside a mean or a quartile, whose digits set theirs.
    """
    statistic = row["statistic"]
    if statistic in COUNT_STATISTICS:
        return 0
    if statistic in SHARE_STATISTICS or in_points(row):
        sizes = [n for n in (row.get("n"), row.get("n_arm"), row.get("n_versus")) if n]
        return percent_decimals(max(sizes, default=None))
    if statistic in RATIOS or statistic == "e-value":
        return ratio_decimals(row["estimate"])
    if statistic in {"standardised difference", "hedges g", "lord", "correlation"}:
        return 2
    if statistic in {"number needed to treat", "effective sample size"}:
        return 1 if statistic == "number needed to treat" and abs(row["estimate"]) < 10 else 0
    if statistic in {"slope", "interaction", "fitted mean"}:
        return se_decimals(row.get("se") if row.get("se") else _se_from_limits(row))
    if statistic in {"kappa", "gwet ac1", "gwet ac2", "mean change"}:
        return 2
    if statistic == "detectable correlation":
        return 2
    if statistic == "sd":
        return sd_decimals(row["estimate"])
    if statistic in {"mean difference", "shift", "ls mean"}:
        return se_decimals(row.get("se") if row.get("se") else _se_from_limits(row))
    return sd_decimals(sd)


def shown(row: Mapping[str, Any], decimals: int | None = None, sd: float | None = None) -> Shown:
    """A results row as people read it.

    Args:
        row: a row of the results table whose status is "ok".
        decimals: to show it with the decimals of a row beside it; by default those of `row_decimals`.
        sd: the SD beside a mean, whose digits set its own.

    Raises:
        UsageError: the row has no estimate: say its `reason` in words instead.
    """
    if row["estimate"] is None:
        why = f"{row['status']}: {row['reason']}"
        raise UsageError(f"{row['key']}: no estimate ({why}); show the reason in words")
    statistic = row["statistic"]
    share, difference = statistic in SHARE_STATISTICS, in_points(row)
    scale = 100 if share or difference else 1
    digits = row_decimals(row, sd) if decimals is None else decimals
    sign = "%" if share or (row.get("unit") == PER_CENT and statistic in LOCATIONS) else ""
    estimate = number(row["estimate"], digits, scale) + sign
    has_limits = row["lower"] is not None and row["upper"] is not None
    span = limits(row["lower"], row["upper"], digits, scale) + sign if has_limits else ""
    return Shown(
        estimate=estimate,
        limits=span,
        unit="percentage points" if difference else "" if sign else _unit(row),
        confidence=confidence(row["conf_level"] or 0.95) if has_limits else "",
        p=p_value(row["p"]) if row["p"] is not None else "",
        decimals=digits,
        scale=scale,
    )


#: Units that are not said behind a number, and those that people call points.
SILENT_UNITS: Final = frozenset(
    {"proportion", "subjects", "patients", "questionnaires", "comparisons", "ratio", "index"}
)
POINT_UNITS: Final = frozenset({"%", "T", "T score"})
#: The unit of a change in per cent of the baseline; differences of such changes are percentage points.
PER_CENT: Final = "per cent"
#: Statistics that have the unit of the outcome itself, and its sign where that is per cent.
LOCATIONS: Final = frozenset({"mean", "ls mean", "sd", "median", "q1", "q3", "min", "max"})


def _unit(row: Mapping[str, Any]) -> str:
    unit = row.get("unit") or ""
    if unit in SILENT_UNITS or row["statistic"] in RATIOS:
        return ""
    if unit == PER_CENT:
        return "percentage points"
    return "points" if unit in POINT_UNITS else unit


def _se_from_limits(row: Mapping[str, Any]) -> float | None:
    """A standard error to choose digits by, for methods that give an interval alone (Hodges-Lehmann)."""
    lower, upper = row.get("lower"), row.get("upper")
    if lower is None or upper is None:
        return None
    width = float(upper - lower)
    return width / 3.92 if math.isfinite(width) and width > 0 else None

"""Results as an analysis would make them, on the example's protocol with any arms and visits, without any data."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from armwise.analysis.results import Results, Row, row, table
from armwise.protocol.model import Protocol

EXAMPLE = Path(__file__).parents[3] / "examples" / "bmc-low-back-pain" / "protocol.yaml"
TWO_ARMS = {"bmc": ("BMC + conventional care", "BMC"), "control": ("Conventional care", "Control")}
LONG_ARMS = {
    "placebo": (
        "Placebo transdermal patch applied once daily with usual supportive care",
        "Placebo patch with usual care",
    ),
    "low": ("Low-dose transdermal treatment with structured rehabilitation", "Low dose + rehabilitation"),
    "high": ("High-dose transdermal treatment with structured rehabilitation", "High dose + rehabilitation"),
    "both": ("Donaudampfschifffahrtsgesellschaftskapitän & <physiotherapy>", "Donaudampfschifffahrt & <PT>"),
}
YEAR = {"baseline": 0, "m1": 30, "m3": 91, "m6": 182, "m12": 365}


def build(
    arms: dict[str, tuple[str, str]] | None = None,
    visits: dict[str, int] | None = None,
    simulated: bool = True,
    factor: float = 1.0,
    broken: bool = False,
    n: int = 40,
) -> Results:
    """Invented results.

    Args:
        arms: name -> label, short label; the last one of two arms, the first one of more, is the reference.
        visits: name -> day, the baseline first.
        simulated: what the manifest says.
        factor: multiplies scores: 1e5 and 1e-3 are extreme values.
        broken: every third comparison, one mean and one risk are not estimable.
        n: patients an arm.
    """
    arms, visits = arms or TWO_ARMS, visits or YEAR
    protocol = _protocol(arms, visits)
    names, times = list(arms), list(visits)
    after = times[1:]
    rows = [*_flow(names, times, protocol.reference, n)]
    for i, arm in enumerate(names):
        effect = 0 if arm == protocol.reference else 14 - 3 * i
        for j, visit in enumerate(times):
            count = n - j
            mean = 46 + i * 0.5 - (effect * (1 - math.exp(-j)) if j else 0) + (0 if effect else j * 0.6)
            gone = broken and i == 1 and j == 1
            about = {"analysis": "describe", "role": "descriptive", "visit": visit, "arm": arm, "n": count}
            rows.append(row("n", count, endpoint="odi.total", unit="subjects", **about))
            rows.append(
                row(
                    "mean", None if gone else mean * factor, endpoint="odi.total", unit="points", conf_level=0.95,
                    **about,
                    **({"status": "not estimable", "reason": "one patient"} if gone
                       else {"lower": (mean - 4) * factor, "upper": (mean + 4.2) * factor}),
                )
            )  # fmt: skip
            if j:
                yes = round(count * (0.8 - 0.03 * j)) if effect else round(count * (0.25 + 0.03 * j))
                risk = yes / count
                rows.append(row("responders", yes, endpoint="primary", unit="subjects", **about))
                rows.append(row("risk", risk, endpoint="primary", lower=max(risk - 0.15, 0), upper=min(risk + 0.14, 1),
                                conf_level=0.95, unit="proportion", **about))  # fmt: skip
        rows += _distribution(arm, after[-1], effect, factor)
        rows += _left_out(arm, after[-1], n)
    for k, arm in enumerate(a for a in names if a != protocol.reference):
        rows += _comparisons(protocol, arm, after, factor, broken, k)
        rows += _within(protocol, arm, factor, broken, k)
    return Results(table(rows), protocol, "", manifest={"simulated": simulated, "study": "S"})


def _protocol(arms: dict[str, tuple[str, str]], visits: dict[str, int]) -> Protocol:
    text: dict[str, Any] = copy.deepcopy(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")))
    reference = list(arms)[-1 if len(arms) == 2 else 0]
    text["arms"] = {
        a: {"label": label, "short": short, "reference": a == reference} for a, (label, short) in arms.items()
    }
    text["visits"] = {v: {"day": day, "label": _label(v, day)} for v, day in visits.items()}
    text["subgroups"] = {"age": {"covariate": "age", "cuts": [60]}, "gender": {"covariate": "gender"}}
    text["analyses"] = _one_a_visit(text["analyses"])
    text["analyses"]["odi"]["subgroups"] = ["age", "gender"]
    last, middle = list(visits)[-1], list(visits)[1:-1]
    for name, analysis in list(text["analyses"].items()):
        if isinstance(analysis["at"], list):
            if middle:
                analysis["at"] = middle
            else:
                del text["analyses"][name]
        else:
            analysis["at"] = last
    return Protocol.model_validate(text)


def _one_a_visit(analyses: dict[str, Any]) -> dict[str, Any]:
    """The measured outcomes by ANCOVA, the last visit and those before it apart: not by one model of all visits."""
    models = ("covariance", "fallback", "degrees_of_freedom", "tested_at", "missing")
    for name in ("odi", "pain"):
        plain = {k: v for k, v in analyses[name].items() if k not in models} | {
            "method": "ancova",
            "at": "m12",
        }
        analyses = {**analyses, name: plain}
        analyses[f"{name}_course"] = {**plain, "role": "exploratory", "at": ["m1", "m3", "m6"]}
    return {name: a for name, a in analyses.items() if a.get("supports") not in ("odi", "pain")}


def _label(visit: str, day: int) -> str:
    if not day:
        return "Baseline"
    unit, length = (
        ("month", 30.4) if visit.startswith("m") else ("week", 7) if visit.startswith("w") else ("day", 1)
    )
    count = round(day / length)
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _flow(arms: list[str], visits: list[str], reference: str, n: int) -> list[Row]:
    def count(category: str, estimate: int, **fields: Any) -> Row:
        return row(
            "count",
            estimate,
            analysis="flow",
            role="descriptive",
            category=category,
            unit="subjects",
            **fields,
        )

    rows = [count("screened", 112), count("enrolled", n * len(arms))]
    for reason, size in (("Not meeting criteria", 19), ("Declined", 9), ("Other reasons", 4)):
        rows.append(count("not enrolled", size, item=reason))
    for i, arm in enumerate(arms):
        rows += [count("allocated", n, arm=arm), count("treated", n, arm=arm)]
        for j, visit in enumerate(visits):
            if j and (i + j) % 2:
                rows.append(count("off study", 1, arm=arm, visit=visit, item="Moved away to another region"))
                rows.append(count("off study", 1, arm=arm, visit=visit, item="Withdrew consent"))
            rows.append(count("assessed", n - j - i, arm=arm, visit=visit))
        rows.append(count("analysed", n - len(visits), arm=arm))
    return rows


def _distribution(arm: str, visit: str, effect: float, factor: float) -> list[Row]:
    steps = [(-30 + 4 * k, (k + 1) / 16) for k in range(16)]
    return [
        row("cumulative share", share, analysis="distribution", role="descriptive", endpoint="odi_change", visit=visit,
            arm=arm,
            at=float(round(at - effect)) * factor, n=16, unit="proportion")
        for at, share in steps
    ]  # fmt: skip


def _comparisons(
    protocol: Protocol, arm: str, after: list[str], factor: float, broken: bool, k: int
) -> list[Row]:
    rows, made = [], 0
    for name, analysis in protocol.analyses.items():
        for suffix in ("", ".unadjusted") if analysis.adjust != "none" else ("",):
            for visit in protocol.analysis_visits(analysis):
                made += 1
                about: dict[str, Any] = {
                    "analysis": name + suffix, "role": analysis.role, "endpoint": analysis.endpoint, "visit": visit,
                    "arm": arm,
                    "versus": protocol.reference, "n": 72, "n_arm": 37, "n_versus": 35, "conf_level": 0.95,
                    "method": "some method",
                }  # fmt: skip
                response = protocol.endpoints[analysis.endpoint].is_response
                statistic = (
                    "risk difference"
                    if response
                    else "shift"
                    if analysis.method == "mann-whitney"
                    else "mean difference"
                )
                unit = "proportion" if response else "points"
                if broken and made % 3 == 2:
                    about |= {
                        "status": "not estimable",
                        "reason": "no patient of the reference arm has an answer at this visit",
                    }
                    rows.append(row(statistic, None, unit=unit, **about))
                    continue
                centre = (0.43 if response else -12.8 * factor) - (0.03 if response else 0.7 * factor) * (
                    made % 4 + k
                )
                half = 0.22 if response else 6.6 * factor
                rows.append(
                    row(
                        statistic,
                        centre,
                        lower=centre - half * 1.05,
                        upper=centre + half * 0.95,
                        se=half / 2,
                        unit=unit,
                        **about,
                    )
                )
    return rows


def _left_out(arm: str, visit: str, n: int) -> list[Row]:
    about = {"analysis": "primary", "endpoint": "primary", "visit": visit, "arm": arm, "unit": "subjects"}
    return [
        row("missing outcomes", 2, n=n, **about),
        row("excluded", 2, category="outcome missing: odi_mcid not recorded", **about),
        row("excluded", 1, category="covariate missing: bmi", **about),
    ]


def _within(protocol: Protocol, arm: str, factor: float, broken: bool, k: int) -> list[Row]:
    """The subgroups of the analysis `odi`, in another order than the protocol's, and one patient of unknown age."""
    visit = protocol.analysis_visits(protocol.analyses["odi"])[-1]
    about: dict[str, Any] = {
        "analysis": "odi", "role": "exploratory", "endpoint": "odi_change", "visit": visit, "arm": arm,
    }  # fmt: skip
    rows = []
    names = ("gender=female", "gender=male", "age=under 60", "age=60 or more")
    for i, subgroup in enumerate(names):
        more = about | {
            "versus": protocol.reference, "subgroup": subgroup, "n": 36, "n_arm": 19, "n_versus": 17,
            "conf_level": 0.95, "unit": "points", "method": "some method",
        }  # fmt: skip
        if broken and i == 1:
            rows.append(
                row("mean difference", None, status="not estimable", reason="too few patients", **more)
            )
            continue
        centre = (-13.5 + i - k) * factor
        half = 9.2 * factor
        rows.append(
            row("mean difference", centre, lower=centre - half, upper=centre + half, se=half / 2, **more)
        )
    rows.append(
        row("excluded", 1, subgroup="age", category="covariate missing: age", unit="subjects", **about)
    )
    return rows


@pytest.fixture(scope="session")
def make_results() -> Callable[..., Results]:
    """`build`, as a fixture."""
    return build


@pytest.fixture(scope="session")
def long_arms() -> dict[str, tuple[str, str]]:
    """Four arms whose names do not fit anywhere."""
    return LONG_ARMS


@pytest.fixture(scope="session")
def changed() -> Callable[..., Results]:
    """Results with other rows: `changed(results, drop=..., add=...)`."""

    def change(
        results: Results, drop: Callable[[Row], bool] = lambda _: False, add: Sequence[Row] = ()
    ) -> Results:
        kept = [r for r in results.rows() if not drop(r)]
        return dataclasses.replace(results, table=table([*kept, *add]))

    return change

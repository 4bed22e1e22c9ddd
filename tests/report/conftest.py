"""Results as docs/results.md describes them, invented: a page can be made of them without any data."""

from __future__ import annotations

import importlib.util
import itertools
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from armwise.analysis.results import Results, Row, exclusions_table, row, table
from armwise.errors import Problem
from armwise.protocol.model import Protocol

EXAMPLE = Path(__file__).parents[2] / "examples" / "bmc-low-back-pain" / "protocol.yaml"
SUBJECT = "BMC-0417"  # an identifier: it may appear in problems and exclusions, never on the page
SCORES = {  # label, range, whether higher is better, unit: as the manifest carries them
    "odi.total": ("Oswestry Disability Index", 0, 100, False, "%"),
    "nrs.pain": ("Pain, numeric rating", 0, 10, False, "points"),
    "eq5d3l.index": ("EQ-5D-3L index", -0.1, 1, True, ""),
    "promis_global.gph": ("PROMIS Global Physical Health", 16.2, 67.7, True, "T score"),
    "promis_global.gmh": ("PROMIS Global Mental Health", 21.2, 67.6, True, "T score"),
    "medications.mme": ("Opioid dose", 0, None, False, "MME/day"),
    "medications.opioids": ("Opioids taken", 0, None, False, "drugs"),
    "pgic.change": ("Impression of change", 1, 7, False, "points"),
    "adas.total": ("ADAS-Cog total", 0, 70, False, "points"),
}
#: Beginnings of words that say or suggest a cause: none may stand in a heading, a lead or a caption of a study whose
#: arms were not randomised.
FORBIDDEN = (
    "attribut",
    "because",
    "benefit",
    "caus",
    "consequence",
    "due to",
    "effect",
    "efficac",
    "harmed",
    "helped",
    "impact",
    "improved by",
    "induc",
    "influenc",
    "lead to",
    "leads to",
    "led to",
    "lowered",
    "made patients",
    "owing to",
    "prevent",
    "produc",
    "protect",
    "raised by",
    "reduc",
    "responsible for",
    "result in",
    "resulted",
    "results in",
    "thanks to",
    "therapeutic",
    "treatment effect",
    "work",
    "yield",
)

LEADING = {"ancova": "mean difference", "mann-whitney": "shift", "risk-difference": "risk difference"}


def invented(
    protocol: Protocol | None = None,
    *,
    difference: float = 0.43,
    simulated: bool = True,
    effect: float = -12.8,
) -> Results:
    """Results with every kind of row that docs/results.md names.

    Args:
        protocol: the study; by default the reference study.
        difference: every risk difference.
        simulated: what the manifest says of the data.
        effect: every mean difference.
    """
    protocol = protocol or Protocol.model_validate(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")))
    dice = random.Random(8)
    rows = [
        *_flow(protocol),
        *_baseline(protocol, dice),
        *_described(protocol, dice),
        *_distribution(protocol, dice),
        *_responses(protocol),
        *_completion(protocol, dice),
        *_comparisons(protocol, difference, effect),
        *_received(protocol),
        *_rest(protocol),
    ]
    problems = (
        Problem(
            "warning",
            "data/odi.csv",
            14,
            "date",
            f"subject {SUBJECT}: m3 on day 118, outside its window (day 70 to 112)",
        ),
        Problem("warning", "data/odi.csv", 31, "date", "m6 on day 230, outside its window (day 152 to 212)"),
        Problem(
            "note", "data/nrs.csv", 7, "pain", "`pain` is required and empty", "fill it in if it is known"
        ),
    )
    excluded = exclusions_table(
        [
            {
                "file": "data/odi.csv",
                "row": 14,
                "subject": SUBJECT,
                "visit": "m3",
                "excluded_from": "all",
                "reason": "outside its window",
            },
            {
                "file": "data/odi.csv",
                "row": 31,
                "subject": SUBJECT,
                "visit": "m6",
                "excluded_from": "all",
                "reason": "outside its window",
            },
            {
                "file": "data/nrs.csv",
                "row": 9,
                "subject": "BMC-0002",
                "visit": "m6",
                "excluded_from": "nrs.pain",
                "reason": "not scoreable",
            },
        ]
    )
    manifest: dict[str, Any] = {
        "study": protocol.study.id,
        "version": protocol.study.version,
        "simulated": simulated,
        "seed": 20260101,
        "armwise": "0.1.0",
        "python": "3.11.7",
        "packages": {"polars": "1.30.0", "numpy": "2.1.0"},
        "results_hash": "7c1e90d45f30",
        "plan_hash": "91f0b2ac0011",
        "collection_hash": "4d7709e10022",
        "inputs": {"data/odi.csv": "ab" * 32, "data/subjects.csv": "cd" * 32},
        "scores": {
            ref: {"label": label, "lo": lo, "hi": hi, "higher_is_better": better, "unit": unit}
            for ref, (label, lo, hi, better, unit) in SCORES.items()
        },
        "provenance": {
            "kind": "simulated",
            "seed": 35,
            "assumptions": {"file": "assumptions.yaml"},
            "assumed": ["The ODI responder threshold of 10 points is our assumption."],
        },
    }
    return Results(
        table(rows),
        protocol,
        "",
        problems,
        excluded,
        manifest if simulated else manifest | {"provenance": {"kind": "captured"}},
    )


def _arms(protocol: Protocol) -> Iterator[tuple[int, str, bool]]:
    for i, (name, arm) in enumerate(protocol.arms.items()):
        yield i, name, arm.reference


def _count(category: str, estimate: int, **fields: Any) -> Row:
    return row(
        "count",
        estimate,
        category=category,
        unit="subjects",
        role="descriptive",
        **{"analysis": "flow", **fields},
    )


def _flow(protocol: Protocol) -> Iterator[Row]:
    n = 40 * len(protocol.arms)
    yield _count("screened", n + 32)
    for reason, k in (("not eligible", 19), ("declined", 9), ("other", 4)):
        yield _count("not enrolled", k, item=reason)
    yield _count("enrolled", n)
    visits = list(protocol.visits)
    for i, arm, _ in _arms(protocol):
        yield _count("allocated", 40, arm=arm)
        yield _count("treated", 40, arm=arm)
        for j, visit in enumerate(visits):
            yield _count("assessed", 40 - j - i * (j > 2), arm=arm, visit=visit)
        yield _count("off study", 2, arm=arm, visit=visits[-2], item="withdrew")
        yield _count("off study", 1 + i, arm=arm, visit=visits[-1], item="no contact")
        yield _count("analysed", 37 - 2 * i, arm=arm)


def _baseline(protocol: Protocol, dice: random.Random) -> Iterator[Row]:
    for name in protocol.covariates:
        measured = name not in ("gender", "opioid_use")
        about: dict[str, Any] = {
            "analysis": "baseline",
            "role": "descriptive",
            "item": name,
            "visit": protocol.baseline,
        }
        for _, arm, _ in _arms(protocol):
            yield row("missing", 0, arm=arm, n=40, unit="subjects", **about)
            if measured:
                mean = dice.uniform(30, 60)
                for statistic, value in (
                    ("n", 40),
                    ("mean", mean),
                    ("sd", 10.4),
                    ("median", mean),
                    ("q1", mean - 6),
                    ("q3", mean + 6),
                    ("min", mean - 20),
                    ("max", mean + 21),
                ):
                    yield row(statistic, value, arm=arm, n=40, **about)
            else:
                k = dice.randint(12, 28)
                for category, m in zip(
                    ("female", "male") if name == "gender" else ("yes", "no"), (k, 40 - k), strict=True
                ):
                    yield row("count", m, arm=arm, n=40, category=category, unit="subjects", **about)
                    yield row("share", m / 40, arm=arm, n=40, category=category, unit="proportion", **about)
        for _, arm, reference in _arms(protocol):
            if not reference:
                for target, value in (("everyone", dice.uniform(-0.7, 0.7)), ("overlap", 0.0)):
                    yield row(
                        "standardised difference",
                        value,
                        arm=arm,
                        versus=protocol.reference,
                        target=target,
                        n=80,
                        method="pooled SD of the unweighted sample",
                        **about,
                    )
    yield row(
        "chance imbalance", 0.653, analysis="baseline", role="descriptive", at=0.1, n=80, unit="proportion"
    )


def _described(protocol: Protocol, dice: random.Random) -> Iterator[Row]:
    scores = sorted({e.score for e in protocol.endpoints.values() if e.score})
    named = dict(protocol.endpoints.items())
    for endpoint, (j, visit), (_, arm, reference) in itertools.product(
        [*scores, *named], enumerate(protocol.visits), _arms(protocol)
    ):
        declared = named.get(endpoint)
        if declared and not j:
            continue
        n = 40 - j
        about: dict[str, Any] = {
            "analysis": "describe",
            "role": "descriptive",
            "endpoint": endpoint,
            "visit": visit,
            "arm": arm,
            "n": n,
        }
        if declared and declared.is_response:
            k = round(n * (0.3 if reference else 0.8))
            yield row(
                "risk",
                k / n,
                lower=k / n - 0.15,
                upper=min(1.0, k / n + 0.12),
                conf_level=0.95,
                method="Wilson",
                unit="proportion",
                **about,
            )
            yield row("responders", k, unit="subjects", **about)
            continue
        mean = (46 - (0 if reference else 3.1 * j)) if not declared else (0.9 if reference else -3.1 * j)
        yield row("n", n, unit="subjects", **about)
        yield row(
            "mean",
            mean + dice.random(),
            lower=mean - 4,
            upper=mean + 4,
            conf_level=0.95,
            method="t interval",
            unit="points",
            **about,
        )
        for statistic, value in (
            ("sd", 11.4),
            ("median", mean),
            ("q1", mean - 7),
            ("q3", mean + 7),
            ("min", mean - 20),
            ("max", mean + 20),
        ):
            yield row(statistic, value, unit="points", **about)


def _distribution(protocol: Protocol, dice: random.Random) -> Iterator[Row]:
    for name, endpoint in protocol.endpoints.items():
        if endpoint.kind != "change":
            continue
        for _, arm, reference in _arms(protocol):
            values = sorted({round(dice.gauss(0 if reference else -12, 9), 2) for _ in range(36)})
            for i, at in enumerate(values):
                yield row(
                    "cumulative share",
                    (i + 1) / 36,
                    analysis="distribution",
                    role="descriptive",
                    endpoint=name,
                    arm=arm,
                    visit=list(protocol.visits)[-1],
                    at=at,
                    n=36,
                    unit="proportion",
                )


def _responses(protocol: Protocol) -> Iterator[Row]:
    for name, endpoint in protocol.endpoints.items():
        for _, arm, reference in _arms(protocol):
            if endpoint.kind in ("any", "all"):
                for visit in protocol.visits_after_baseline():
                    for (a, b), k in zip(
                        itertools.product(("yes", "no"), repeat=2), (20, 5, 6, 5), strict=True
                    ):
                        yield row(
                            "count",
                            k,
                            analysis="crosstab",
                            role="descriptive",
                            endpoint=name,
                            visit=visit,
                            arm=arm,
                            n=36,
                            category=f"{endpoint.of[0]} {a}, {endpoint.of[1]} {b}",
                            unit="subjects",
                        )
            elif endpoint.is_response:
                yield row(
                    "count",
                    2 if reference else 0,
                    analysis="impossible",
                    role="descriptive",
                    endpoint=name,
                    arm=arm,
                    n=40,
                    unit="subjects",
                )


def _completion(protocol: Protocol, dice: random.Random) -> Iterator[Row]:
    forms = [name for name, form in protocol.forms.items() if form.instrument and form.at == "all"]
    for form, (j, visit), (_, arm, _) in itertools.product(
        forms, enumerate(protocol.visits), _arms(protocol)
    ):
        about: dict[str, Any] = {
            "analysis": "completion",
            "role": "descriptive",
            "item": form,
            "visit": visit,
            "arm": arm,
            "unit": "subjects",
        }
        missing = j + dice.randint(0, 1) * (j > 0)
        yield row("expected", 40, **about)
        yield row("received", 40 - missing, n=40, **about)
        yield row("scored", 40 - missing - (j == 2), n=40, **about)
        if missing:
            yield row("missing", missing, n=40, category="no contact", **about)


def _comparisons(protocol: Protocol, difference: float, effect: float) -> Iterator[Row]:
    shift = 0
    for name, analysis in protocol.analyses.items():
        response = protocol.endpoints[analysis.endpoint].is_response
        for suffix, visit, (_, arm, reference) in itertools.product(
            ("", ".unadjusted") if analysis.adjust != "none" else ("",),
            protocol.analysis_visits(analysis),
            _arms(protocol),
        ):
            shift += 1
            about: dict[str, Any] = {
                "analysis": name + suffix,
                "role": analysis.role,
                "planned": "pre-specified",
                "endpoint": analysis.endpoint,
                "visit": visit,
                "arm": arm,
                "analysis_set": "full",
            }
            if response:
                k = 11 if reference else 27
                yield row("responders", k, n=36, unit="subjects", method="as analysed", **about)
                yield row("missing outcomes", 4, n=40, unit="subjects", **about)
                yield row(
                    "risk", k / 36, n=36, lower=0.2, upper=0.8, conf_level=0.95, unit="proportion", **about
                )
            else:
                for statistic, value in (("mean", 1.2 if reference else -11.4), ("sd", 10.6)):
                    yield row(statistic, value, n=36, unit="points", method="as analysed", **about)
            if analysis.adjust == "overlap-weights" and not suffix:
                yield row("effective sample size", 33.6, n=36, unit="subjects", **about)
            if reference:
                continue
            about |= {"versus": protocol.reference, "n": 72, "n_arm": 37, "n_versus": 35, "conf_level": 0.95}
            p = None if analysis.role == "exploratory" else 0.0004
            if response:
                centre = difference - 0.01 * (shift % 5)
                about |= {
                    "unit": "proportion",
                    "method": "overlap weights, MOVER-Wilson" if not suffix else "Newcombe",
                }
                yield row("risk difference", centre, lower=centre - 0.22, upper=centre + 0.2, p=p, **about)
                if "number-needed-to-treat" in analysis.also:
                    yield row(
                        "number needed to treat",
                        1 / (centre or 0.01),
                        lower=1.6,
                        upper=5.6,
                        reason="to benefit",
                        **about | {"unit": "patients"},
                    )
                    yield row("risk ratio", 2.4, lower=1.4, upper=4.1, **about)
                    yield row("odds ratio", 5.4, lower=1.9, upper=14.1, **about)
            elif analysis.method == "proportional-odds":
                about |= {"unit": "ratio", "method": "proportional odds, profile likelihood"}
                yield row("odds ratio", 3.1, lower=1.4, upper=6.9, p=p, **about)
            else:
                centre = effect + 0.3 * (shift % 4)
                about |= {"unit": "points", "method": "ANCOVA, HC3" if not suffix else "Welch"}
                yield row(
                    LEADING.get(analysis.method, "mean difference"),
                    centre,
                    se=3.4,
                    lower=centre - 6.6,
                    upper=centre + 6.6,
                    p=p,
                    **about,
                )
                if not protocol.randomised and not suffix and analysis.adjust == "covariates":
                    yield row(
                        "lord", 1.24, reason="differ", **{k: v for k, v in about.items() if k != "unit"}
                    )
            if p is not None and analysis.role in ("primary", "key-secondary") and not suffix:
                yield row(
                    "adjusted p",
                    None,
                    p=0.0008,
                    reason="rejected",
                    at=0.05,
                    **{k: v for k, v in about.items() if k not in ("unit", "method")},
                    method="Holm",
                )


def _received(protocol: Protocol) -> Iterator[Row]:
    """Opioids, care and injections, as far as the protocol declares them."""
    for visit, (_, arm, reference) in itertools.product(protocol.visits, _arms(protocol)):
        if protocol.medication is None:
            return
        here: dict[str, Any] = {"role": "descriptive", "visit": visit, "arm": arm}
        about = {"analysis": "medication", **here}
        users = 17 if reference else 9
        yield row("count", users, n=36, unit="subjects", item="any opioid", **about)
        dose = {**about, "item": "dose of users", "method": "CDC 2022 factors"}
        yield row("n", users - 1, n=users - 1, unit="subjects", **dose)
        yield row(
            "missing", 1, n=users, category="buprenorphine has no factor in CDC 2022", unit="subjects", **dose
        )
        for statistic, value in (("median", 30.0), ("q1", 20.0), ("q3", 52.5), ("sd", 24.1)):
            yield row(statistic, value, n=users - 1, unit="MME/day", **dose)
        for at in protocol.medication.cut_points:
            reached = {**about, "item": "dose at or above", "at": at}
            yield row("count", 4, n=35, unit="subjects", **reached)
        for category in ("still taking", "stopped", "started", "none at either"):
            if visit != protocol.baseline:
                use = {**about, "item": "use since baseline", "category": category}
                yield row("count", 9, n=36, unit="subjects", **use)
        for form, kind in (("medications", "nsaid"), ("care", "exercise")):
            received = {"analysis": "exposure", "item": form, "category": kind, "label": kind, **here}
            yield row("count", 14, n=36, unit="subjects", **received)
    for _, arm, reference in _arms(protocol):
        if reference or protocol.treatments is None:
            continue
        about = {"analysis": "procedures", "role": "descriptive", "arm": arm}
        yield row("count", 38, n=40, unit="subjects", **about)
        for level, kind in ((None, "facet"), ("L4-L5", "facet"), ("L4-L5", "facet, left")):
            place = {**about, "category": kind, "label": "Facet joint", "item": level}
            yield row("patients", 31, n=38, unit="subjects", **place)
            yield row("injections", 44, n=38, unit="injections", **place)
        for item, unit in (("injections", "injections"), ("volume", "mL")):
            each = {"median": 7.0, "q1": 5.0, "q3": 9.0, "min": 2.0, "max": 12.0, "sd": 2.4}
            for statistic, value in each.items():
                yield row(statistic, value, n=38, item=item, unit=unit, **about)


def _rest(protocol: Protocol) -> Iterator[Row]:
    if protocol.size:
        for power in (0.8, 0.9):
            for _, arm, reference in _arms(protocol):
                if not reference:
                    yield row(
                        "detectable difference",
                        0.29 if protocol.size.risk else 6.4,
                        analysis="detectable",
                        role="descriptive",
                        at=power,
                        at2=0.05,
                        endpoint=protocol.size.endpoint,
                        arm=arm,
                        versus=protocol.reference,
                        n_arm=40,
                        n_versus=40,
                        reason="planned size (assumed)",
                        method="two-sided test",
                        unit="proportion" if protocol.size.risk else "points",
                    )
    yield row("comparisons", 31, analysis="multiplicity", role="descriptive")
    yield row("tests", 3, analysis="multiplicity", role="descriptive")
    for published in protocol.published:
        yield row(
            published.statistic,
            published.value,
            analysis="published",
            role="external",
            endpoint=published.endpoint,
            visit=published.visit,
            arm=published.arm,
            label=published.label,
            method=published.source,
            reason=published.status,
        )


THREE_ARMS = """
study: {id: THREE, version: "2", title: A trial with three arms, allocation: randomised, masking: double-blind,
        registration: {registry: ClinicalTrials.gov, number: NCT00000000}}
arms:
  low: {label: Low dose, planned: 40}
  high: {label: High dose, planned: 40}
  placebo: {label: Placebo, reference: true, planned: 40}
visits:
  baseline: {day: 1, label: Baseline}
  w8: {day: 56, label: Week 8}
  w24: {day: 168, label: Week 24}
forms:
  subjects: {items: {age: {type: integer, label: Age, unit: years}}}
  adas:
    label: ADAS-Cog
    at: all
    items: {total: {type: integer, label: ADAS-Cog total, range: [0, 70], direction: lower-better}}
covariates: {age: subjects.age}
endpoints:
  adas_change: {score: adas.total, kind: change, label: ADAS-Cog}
analysis_sets: {full: {label: Efficacy population}}
estimands: {main: {label: Everyone with an answer, set: full, target: everyone}}
families: {primary: [primary]}
size: {endpoint: adas_change, sd: 6.5, source: planned}
analyses:
  primary: {endpoint: adas_change, at: w24, role: primary, estimand: main, method: ancova, adjust: covariates,
            covariates: [baseline, age], missing: locf}
  observed: {label: Observed cases, endpoint: adas_change, at: w24, role: sensitivity, supports: primary,
             estimand: main, method: ancova, adjust: covariates, covariates: [baseline, age]}
"""


def three_arms() -> Protocol:
    """A randomised trial with three arms and a measured primary endpoint."""
    return Protocol.model_validate(yaml.safe_load(THREE_ARMS))


def _causal_words(text: str) -> list[str]:
    """The forbidden words that stand in a text, as beginnings of its words."""
    return [word for word in FORBIDDEN if re.search(rf"\b{re.escape(word)}", text, flags=re.IGNORECASE)]


@pytest.fixture(scope="session")
def causal_words() -> Callable[[str], list[str]]:
    """The words of causality that stand in a text."""
    return _causal_words


@pytest.fixture(scope="session")
def forbidden() -> tuple[str, ...]:
    """The words of causality, as beginnings of words."""
    return FORBIDDEN


@pytest.fixture(scope="session")
def make() -> Callable[..., Results]:
    """`invented`, as a fixture."""
    return invented


@pytest.fixture(scope="session")
def fragile() -> Any:
    """The invented rows on fragility: `risk_rows`, `mean_rows` and `with_rows` of fragility_rows.py."""
    spec = importlib.util.spec_from_file_location(
        "fragility_rows", Path(__file__).with_name("fragility_rows.py")
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def two_arms() -> Results:
    """The reference study."""
    return invented()


@pytest.fixture(scope="session")
def trial() -> Results:
    """The randomised trial with three arms, whose differences are unclear."""
    return invented(three_arms(), simulated=False, effect=-0.5)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser of the tests; where ARMWISE_REQUIRE_BROWSER is 1 its absence is a failure, not a skip."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        message = "no Chromium: the page is NOT tested in a browser (Debian: apt-get install chromium)"
        if os.environ.get("ARMWISE_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return found

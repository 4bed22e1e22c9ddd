"""The whole walk, against witnesses outside armwise: a published trial, and plain NumPy and pandas on the CSV files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.errors import StudyError
from armwise.stats import permuted_mean_difference
from armwise.study.study import Study, load_study

FIXTURES = Path(__file__).parents[1] / "examples" / "fixtures"
#: Columns of a form that are no answers.
OWN = (
    "subject",
    "site",
    "visit",
    "date",
    "status",
    "reason",
    "mode",
    "entered_by",
    "recorded_at",
    "collection",
)


# ------------------------------------------------------------------ a real trial


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    return json.loads((FIXTURES / "cdisc_table_14_3_01.json").read_text(encoding="utf-8"))


def test_the_pilot_gives_the_published_differences(pilot: Results, published: dict[str, Any]) -> None:
    for row in (r for r in published["differences"] if r["versus"] == "placebo"):
        found = pilot.one(analysis="primary", statistic="mean difference", arm=row["arm"])
        assert found is not None
        assert abs(found["estimate"] - row["estimate"]) <= 0.05
        assert abs(found["se"] - row["se"]) <= 0.005
        assert abs(found["lower"] - row["lower"]) <= 0.05
        assert abs(found["upper"] - row["upper"]) <= 0.05
        assert abs(found["p"] - row["p"]) <= 0.0005
        assert (found["n"], found["n_arm"], found["n_versus"]) == (234, published["n"][row["arm"]], 79)


def test_to_three_digits_the_differences_are_those_of_the_sponsors_own_data_set(pilot: Results) -> None:
    for arm, expected in {"low": (-0.467, 0.818, 0.569), "high": (-1.006, 0.841, 0.233)}.items():
        found = pilot.one(analysis="primary", statistic="mean difference", arm=arm)
        assert found is not None
        assert tuple(round(found[c], 3) for c in ("estimate", "se", "p")) == expected


def test_the_arms_ls_means_differ_by_the_differences(pilot: Results) -> None:
    means = {r["arm"]: r["estimate"] for r in pilot.rows(analysis="primary", statistic="ls mean")}
    for arm in ("low", "high"):
        found = pilot.one(analysis="primary", statistic="mean difference", arm=arm)
        assert found is not None
        assert means[arm] - means["placebo"] == pytest.approx(found["estimate"], abs=1e-10)


def test_the_analysed_have_the_published_means_and_sds(pilot_study: Study, published: dict[str, Any]) -> None:
    from armwise.analysis.comparison import comparisons
    from armwise.derive.derived import derive

    (c,) = comparisons(derive(pilot_study), "primary", pilot_study.protocol.analyses["primary"])
    for arm, cells in published["change"].items():
        change = c.outcome(arm)
        assert len(change) == published["n"][arm]
        assert abs(change.mean() - cells["mean"]) <= 0.05 + 1e-9
        assert abs(change.std(ddof=1) - cells["sd"]) <= 0.005 + 1e-9
        assert abs(np.median(change) - cells["median"]) <= 0.05 + 1e-9
        assert (round(change.min()), round(change.max())) == (cells["min"], cells["max"])
        start = c.frame.filter(c.frame["arm"] == arm)["baseline"]
        expected = published["baseline"][arm]
        assert abs(start.mean() - expected["mean"]) <= 0.05 + 1e-9
        assert abs(start.std() - expected["sd"]) <= 0.005 + 1e-9


def test_the_rows_as_analysed_are_the_published_means_and_sds(
    pilot: Results, published: dict[str, Any]
) -> None:
    assert published["change"]
    for arm, cells in published["change"].items():
        about = {"analysis": "primary", "arm": arm, "method": "as analysed"}
        mean, sd = (pilot.one(**about, statistic=name) for name in ("mean", "sd"))
        assert mean is not None
        assert sd is not None
        assert mean["n"] == sd["n"] == published["n"][arm]
        assert abs(mean["estimate"] - cells["mean"]) <= 0.05 + 1e-9
        assert abs(sd["estimate"] - cells["sd"]) <= 0.005 + 1e-9


def test_locf_gives_every_row_that_the_sponsor_analysed(pilot_study: Study) -> None:
    import polars as pl

    from armwise.derive.derived import derive
    from armwise.derive.populations import filled

    derived = derive(pilot_study)
    rows = filled(
        derived.endpoints.filter(pl.col("endpoint") == "adas_change"), "locf", pilot_study.protocol, "change"
    )
    ours = {(r["subject"], r["visit"]): r for r in rows.iter_rows(named=True)}
    sponsor = pd.read_csv(FIXTURES / "cdisc_actot_analysed.csv")
    sponsor = sponsor[sponsor["visit"] != "baseline"]
    assert len(sponsor) == 762
    for row in sponsor.itertuples():
        found = ours[row.subject, row.visit]
        assert found["outcome"] == pytest.approx(row.change, abs=1e-9)
        assert found["filled"] == (row.carried == "Y")


def test_all_799_published_totals_are_the_scores_of_the_study(pilot_study: Study) -> None:
    """Every total that is not carried forward: used at its visit, or listed as another record of that visit."""
    from armwise.derive.derived import derive

    derived = derive(pilot_study)
    used = {
        (r["subject"], str(r["date"])): r["value"]
        for r in derived.scores.iter_rows(named=True)
        if r["score"] == "adas.total"
    }
    adas = pilot_study.tables["adas"]
    dates = dict(zip(adas["_row"], adas["date"], strict=True))
    listed = {(e["subject"], str(dates[e["row"]])) for e in derived.left_out if e["file"] == "data/adas.csv"}
    sponsor = pd.read_csv(FIXTURES / "cdisc_actot.csv")
    assert len(sponsor) == 799
    for row in sponsor.itertuples():
        if (row.subject, row.date) in used:
            assert used[row.subject, row.date] == pytest.approx(row.total, abs=1e-9)
        else:
            assert (row.subject, row.date) in listed
    assert len(used) + len(listed) == adas.height == 818


def test_the_pilot_counts_its_participants(pilot: Results) -> None:
    def count(category: str, **where: Any) -> float:
        found = pilot.one(analysis="flow", category=category, item=None, **where)
        assert found is not None
        return found["estimate"]

    assert count("screened") == 306
    assert count("enrolled") == 254
    assert sum(r["estimate"] for r in pilot.rows(analysis="flow", category="not enrolled")) == 52
    assert [count("allocated", arm=a) for a in ("placebo", "low", "high")] == [86, 84, 84]
    assert [count("analysed", arm=a) for a in ("placebo", "low", "high")] == [79, 81, 74]


# ------------------------------------------------------------------ the reference study, by hand


class ByHand:
    """The reference study from its CSV files, in pandas, by other formulas."""

    def __init__(self, folder: Path) -> None:
        data = {p.stem: pd.read_csv(p) for p in (folder / "data").glob("*.csv")}
        self.people = data["subjects"].set_index("subject")
        self.people["zero"] = pd.to_datetime(self.people["enrolled"])
        first = pd.to_datetime(data["procedures"]["date"]).groupby(data["procedures"]["subject"]).min()
        treated = self.people["arm"] == "bmc"
        self.people.loc[treated, "zero"] = first.reindex(self.people.index[treated])
        odi = data["odi"]
        sections = odi[[f"odi_{i}" for i in range(1, 11)]]
        n = sections.notna().sum(axis=1)
        self.scores = {
            "odi": self._wide(odi, (100 * sections.sum(axis=1) / (5 * n)).where(n >= 8)),
            "pain": self._wide(data["nrs"], data["nrs"]["nrs_1"]),
            "mme": self._doses(data),
        }
        self.disturbed_by = {
            v: self._disturbed(data["events"], data["odi"], v) for v in ("m1", "m3", "m6", "m12")
        }
        self.disturbed = self.disturbed_by["m12"]

    def _disturbed(self, events: pd.DataFrame, odi: pd.DataFrame, visit: str) -> set[str]:
        """Who had surgery, crossed over or died by the day of a visit: what was measured then is set aside."""
        last = odi[odi["visit"] == visit].set_index("subject")["date"]
        found = events[events["event"].isin(["surgery", "cross_over", "death"])]
        return set(found["subject"][found["date"] <= found["subject"].map(last).fillna("9999")])

    def _doses(self, data: dict[str, pd.DataFrame]) -> pd.DataFrame:
        """MME/day over the seven days that end with a visit at which any questionnaire was answered."""
        forms = [data[name].dropna(axis=1, how="all") for name in ("odi", "nrs", "eq5d3l", "promis_global")]
        keys = ["subject", "visit", "date"]
        came = pd.concat(
            f[f.drop(columns=[c for c in f if c in OWN]).notna().any(axis=1)][keys] for f in forms
        )
        came = came.groupby(["subject", "visit"], as_index=False)["date"].max()
        opioids = data["medications"][data["medications"]["class"] == "opioid"]
        factor = {"hydrocodone": 1, "oxycodone": 1.5, "tramadol": 0.2, "fentanyl": 2.4}
        each = (
            opioids["dose"] * opioids["times"].fillna(1) * opioids["drug"].map(factor)
        )  # buprenorphine: none
        opioids = opioids.assign(
            mme=each, start=pd.to_datetime(opioids["start"]), stop=pd.to_datetime(opioids["stop"])
        )
        doses = []
        for _, visit in came.iterrows():
            days = pd.date_range(end=visit["date"], periods=7)
            mine = opioids[opioids["subject"] == visit["subject"]]
            share = [
                ((days >= r.start) & ((days <= r.stop) | pd.isna(r.stop))).mean() for r in mine.itertuples()
            ]
            used = mine.assign(share=share)
            used = used[used["share"] > 0]
            doses.append(np.nan if used["mme"].isna().any() else (used["mme"] * used["share"]).sum())
        return self._wide(came, pd.Series(doses, index=came.index, dtype=float))

    def _wide(self, table: pd.DataFrame, value: pd.Series) -> pd.DataFrame:
        """One record a subject and visit, the baseline the last one on or before time zero that has a value."""
        frame = table[["subject", "visit", "date"]].assign(value=value)
        day = (pd.to_datetime(frame["date"]) - frame["subject"].map(self.people["zero"])).dt.days
        before = frame[(day <= 0) & frame["value"].notna()].assign(day=day).sort_values("day")
        wide = frame[(day > 0) & (frame["visit"] != "baseline")].pivot(
            index="subject", columns="visit", values="value"
        )
        wide["baseline"] = before.groupby("subject")["value"].last()
        return wide.reindex(self.people.index)

    def change(self, score: str, visit: str) -> pd.Series:
        return self.scores[score][visit] - self.scores[score]["baseline"]

    def response(self, visit: str, endpoint: str) -> pd.Series:
        odi, pain = -self.change("odi", visit), -self.change("pain", visit)
        one = (odi > 10 - 1e-9).where(odi.notna()).astype(float)
        two = (pain >= 2).where(pain.notna()).astype(float)
        if endpoint == "odi_mcid":
            return one
        if endpoint == "pain_2pt":
            return two
        return pd.concat([one, two], axis=1).max(axis=1).where(one.notna() & two.notna())


@pytest.fixture(scope="module")
def by_hand(reference_study: Study) -> ByHand:
    return ByHand(reference_study.folder)


def design(by_hand: ByHand, covariates: list[str], index: pd.Index) -> np.ndarray:
    people = by_hand.people.loc[index]
    columns = {
        "age": people["age"],
        "bmi": people["bmi"],
        "opioid_use": (people["opioid_use"] == "yes").astype(float),
        "odi_baseline": by_hand.scores["odi"]["baseline"].loc[index],
        "pain_baseline": by_hand.scores["pain"]["baseline"].loc[index],
    }
    return np.column_stack([np.ones(len(index))] + [columns[c].to_numpy(float) for c in covariates])


def covariate_frame(by_hand: ByHand, covariates: list[str]) -> pd.Series:
    whole = design(by_hand, covariates, by_hand.people.index)
    return pd.Series(~np.isnan(whole).any(axis=1), index=by_hand.people.index)


def ols(y: np.ndarray, X: np.ndarray) -> tuple[float, float, float, float, int]:
    """Estimate, SE and p of the second column, by the normal equations."""
    inverse = np.linalg.inv(X.T @ X)
    beta = inverse @ X.T @ y
    df = len(y) - X.shape[1]
    s2 = float(((y - X @ beta) ** 2).sum()) / df
    se = math.sqrt(s2 * inverse[1, 1])
    half = stats.t.ppf(0.975, df) * se
    return beta[1], se, beta[1] - half, 2 * stats.t.sf(abs(beta[1] / se), df), df


def logistic(X: np.ndarray, z: np.ndarray) -> np.ndarray:
    scale = np.abs(X).max(axis=0)
    S = X / scale
    gamma = np.zeros(X.shape[1])
    for _ in range(50):
        e = 1 / (1 + np.exp(-S @ gamma))
        gamma = gamma + np.linalg.solve((S * (e * (1 - e))[:, None]).T @ S, S.T @ (z - e))
    return 1 / (1 + np.exp(-S @ gamma))


def overlap(y: np.ndarray, z: np.ndarray, X: np.ndarray) -> dict[str, Any]:
    """Overlap-weighted risks, the joint sandwich by numerical derivatives, MOVER of Wilson's limits."""
    n, q = X.shape
    X = X / np.abs(X).max(axis=0)
    e = logistic(X, z)
    w = np.where(z == 1, 1 - e, e)
    m1, m0 = (float((w * y)[z == g].sum() / w[z == g].sum()) for g in (1, 0))
    gamma = np.linalg.lstsq(X, np.log(e / (1 - e)), rcond=None)[0]

    def psi(theta: np.ndarray) -> np.ndarray:
        score = 1 / (1 + np.exp(-X @ theta[:q]))
        return np.column_stack([
            X * (z - score)[:, None], z * (1 - score) * (y - theta[q]), (1 - z) * score * (y - theta[q + 1]),
        ])  # fmt: skip

    theta = np.concatenate([gamma, [m1, m0]])
    A = np.empty((q + 2, q + 2))
    for j in range(q + 2):  # derivatives by complex steps: exact to the last digits, and no formula to copy
        step = np.zeros(q + 2, complex)
        step[j] = 1e-30j
        A[:, j] = -psi(theta + step).imag.mean(axis=0) / 1e-30
    B = psi(theta).T @ psi(theta) / n
    V = np.linalg.solve(A, np.linalg.solve(A, B).T) / n * n / (n - q - 1)
    v1, v0, c = V[q, q], V[q + 1, q + 1], V[q, q + 1]
    z975 = stats.norm.ppf(0.975)

    kish = [w[z == g].sum() ** 2 / (w[z == g] ** 2).sum() for g in (1, 0)]

    def wilson(r: float, v: float, size: int, kish: float) -> tuple[float, float]:
        k = min(r * (1 - r) / v, size) if 0 < r < 1 else min(kish, size)
        centre, half = r + z975**2 / (2 * k), z975 * math.sqrt(r * (1 - r) / k + z975**2 / (4 * k * k))
        return (centre - half) / (1 + z975**2 / k), (centre + half) / (1 + z975**2 / k)

    (l1, u1), (l0, u0) = wilson(m1, v1, int(z.sum()), kish[0]), wilson(m0, v0, int((1 - z).sum()), kish[1])
    rho = c / math.sqrt(v1 * v0) if 0 < m1 < 1 and 0 < m0 < 1 else 0.0
    d = m1 - m0
    lower = d - math.sqrt((m1 - l1) ** 2 + (u0 - m0) ** 2 - 2 * rho * (m1 - l1) * (u0 - m0))
    upper = d + math.sqrt((u1 - m1) ** 2 + (m0 - l0) ** 2 - 2 * rho * (u1 - m1) * (m0 - l0))
    # with a risk of 0 or 1 the sandwich of that arm is 0, which is not its error
    se = math.sqrt(v1 + v0 - 2 * c) if 0 < m1 < 1 and 0 < m0 < 1 else None
    return {"estimate": d, "se": se, "lower": lower, "upper": upper, "ess": kish[0]}


OVERLAP = ["age", "bmi", "opioid_use", "odi_baseline"]


def responder_rows() -> Iterator[tuple[str, str, str, str]]:
    yield "complete_cases", "primary", "m12", "none"
    yield "nonresponse", "primary", "m12", "non-response"
    yield "worst_case", "primary", "m12", "worst-case"
    yield "odi_component", "odi_mcid", "m12", "none"
    yield "pain_component", "pain_2pt", "m12", "none"
    for visit in ("m1", "m3", "m6"):
        yield "responders_course", "primary", visit, "none"


@pytest.mark.parametrize(("analysis", "endpoint", "visit", "rule"), list(responder_rows()))
def test_every_comparison_of_responders_is_what_numpy_makes_of_the_files(
    reference: Results, by_hand: ByHand, analysis: str, endpoint: str, visit: str, rule: str
) -> None:
    y, arm = by_hand.response(visit, endpoint), by_hand.people["arm"]
    y[list(by_hand.disturbed_by[visit])] = 0.0  # surgery and the like count as no response
    if rule == "non-response":
        y = y.fillna(0)
    if rule == "worst-case":
        y = y.where(y.notna(), (arm == "control").astype(float))
    keep = y.notna() & covariate_frame(by_hand, OVERLAP)
    index = y.index[keep]
    z = (arm[index] == "bmc").to_numpy(float)
    X = design(by_hand, OVERLAP, index)
    expected = overlap(y[index].to_numpy(float), z, X)
    found = reference.one(analysis=analysis, visit=visit, statistic="risk difference", subgroup=None)
    assert found is not None
    assert (found["n"], found["n_arm"]) == (len(index), int(z.sum()))
    for name in ("estimate", "se", "lower", "upper"):
        close = None if expected[name] is None else pytest.approx(expected[name], abs=1e-10)
        assert found[name] == close
    size = reference.one(analysis=analysis, visit=visit, statistic="effective sample size", arm="bmc")
    assert size is not None
    assert size["estimate"] == pytest.approx(expected["ess"], abs=1e-8)
    counted = reference.rows(analysis=analysis, visit=visit, statistic="responders", subgroup=None)
    observed = {r["arm"]: r for r in counted}
    for name in ("bmc", "control"):
        mine = y[index][arm[index] == name]
        assert (observed[name]["estimate"], observed[name]["n"]) == (mine.sum(), len(mine))
    # Newcombe's interval of the unadjusted difference, by its own formula
    counts = [(observed[a]["estimate"], observed[a]["n"]) for a in ("bmc", "control")]
    plain = reference.one(analysis=f"{analysis}.unadjusted", visit=visit, statistic="risk difference")
    assert plain is not None
    for name, value in newcombe(*counts[0], *counts[1]).items():
        assert plain[name] == pytest.approx(value, abs=1e-10)
    assert plain["p"] is None


def newcombe(x1: float, n1: int, x2: float, n2: int) -> dict[str, float]:
    z = stats.norm.ppf(0.975)

    def limits(x: float, n: int) -> list[float]:
        def roots(p: float) -> float:
            return (x / n - p) ** 2 - z**2 * p * (1 - p) / n

        r = x / n
        return [
            0.0 if x == 0 else optimize.brentq(roots, 0, min(r, 1 - 1e-9), xtol=1e-15),
            1.0 if x == n else optimize.brentq(roots, max(r, 1e-9), 1, xtol=1e-15),
        ]

    (l1, u1), (l2, u2) = limits(x1, n1), limits(x2, n2)
    r1, r2 = x1 / n1, x2 / n2
    return {
        "estimate": r1 - r2,
        "lower": r1 - r2 - math.hypot(r1 - l1, u2 - r2),
        "upper": r1 - r2 + math.hypot(u1 - r1, r2 - l2),
    }


@pytest.mark.parametrize(
    ("analysis", "score", "visit", "covariates"),
    [
        ("odi_ancova", "odi", "m12", ["odi_baseline", "age", "bmi", "opioid_use"]),
        ("pain_ancova", "pain", "m12", ["pain_baseline", "age", "bmi", "opioid_use"]),
    ],
)
def test_every_ancova_is_what_the_normal_equations_make_of_the_files(
    reference: Results, by_hand: ByHand, analysis: str, score: str, visit: str, covariates: list[str]
) -> None:
    y, arm = by_hand.change(score, visit), by_hand.people["arm"]
    y[list(by_hand.disturbed)] = np.nan  # as if it had not happened: set aside
    index = y.index[y.notna() & covariate_frame(by_hand, covariates)]
    X = design(by_hand, covariates, index)
    X = np.insert(X, 1, (arm[index] == "bmc").to_numpy(float), axis=1)
    estimate, se, lower, _, df = ols(y[index].to_numpy(float), X)
    found = reference.one(analysis=analysis, visit=visit, statistic="mean difference", subgroup=None)
    assert found is not None
    assert (found["n"], found["df"]) == (len(index), df)
    assert found["estimate"] == pytest.approx(estimate, abs=1e-9)
    assert found["se"] == pytest.approx(se, abs=1e-9)
    assert found["lower"] == pytest.approx(lower, abs=1e-9)
    assert found["p"] is None  # in no family
    plain = reference.one(analysis=f"{analysis}.unadjusted", visit=visit, statistic="mean difference")
    pair = [y[index][arm[index] == a] for a in ("bmc", "control")]
    assert plain is not None
    assert plain["estimate"] == pytest.approx(pair[0].mean() - pair[1].mean(), abs=1e-10)
    assert plain["se"] == pytest.approx(math.sqrt(sum(p.var() / len(p) for p in pair)), abs=1e-10)
    lord = reference.one(analysis=analysis, visit=visit, statistic="lord")
    assert lord is not None
    apart = abs(plain["estimate"] - estimate) / se
    assert lord["estimate"] == pytest.approx(apart, abs=1e-8)
    assert lord["reason"] == ("differ" if apart > 1 else "agree")


def test_the_shift_of_opioids_is_the_median_of_all_differences(reference: Results, by_hand: ByHand) -> None:
    """In per cent of the dose at baseline, so of those who took any then."""
    dose, arm = by_hand.scores["mme"], by_hand.people["arm"]
    y = (100 * by_hand.change("mme", "m12") / dose["baseline"].where(dose["baseline"] > 0)).dropna()
    y = y[~y.index.isin(by_hand.disturbed)]
    pair = [y[arm[y.index] == a].to_numpy() for a in ("bmc", "control")]
    found = reference.one(analysis="opioid_users", statistic="shift")
    assert found is not None
    assert found["estimate"] == pytest.approx(np.median(np.subtract.outer(*pair)), abs=1e-10)
    assert (found["n_arm"], found["n_versus"]) == (len(pair[0]), len(pair[1]))


def test_the_difference_of_opioid_doses_is_that_of_the_means_with_the_interval_of_the_permutation_test(
    reference: Results, by_hand: ByHand
) -> None:
    y, arm = by_hand.change("mme", "m12").dropna(), by_hand.people["arm"]
    y = y[~y.index.isin(by_hand.disturbed)]
    pair = [y[arm[y.index] == a].to_numpy() for a in ("bmc", "control")]
    found = reference.one(analysis="opioids", statistic="mean difference")
    assert found is not None
    assert found["estimate"] == pytest.approx(pair[0].mean() - pair[1].mean(), abs=1e-9)
    expected = permuted_mean_difference(*pair)
    assert (found["lower"], found["upper"]) == pytest.approx((expected.lower, expected.upper), abs=1e-6)
    assert found["p"] is None  # in no family
    assert (found["n_arm"], found["n_versus"]) == (len(pair[0]), len(pair[1]))


def test_the_description_of_every_visit_is_what_pandas_makes_of_the_files(
    reference: Results, by_hand: ByHand
) -> None:
    arm = by_hand.people["arm"]
    for ref, score in (("odi.total", "odi"), ("nrs.pain", "pain"), ("medications.mme", "mme")):
        for visit in ("baseline", "m1", "m3", "m6", "m12"):
            for name in ("bmc", "control"):
                values = by_hand.scores[score][visit][arm == name].dropna()
                rows = reference.rows(analysis="describe", endpoint=ref, visit=visit, arm=name)
                found = {r["statistic"]: r["estimate"] for r in rows}
                expected = {
                    "n": len(values), "mean": values.mean(), "sd": values.std(), "median": values.median(),
                    "q1": values.quantile(0.25), "q3": values.quantile(0.75), "min": values.min(), "max": values.max(),
                }  # fmt: skip
                assert found == pytest.approx(expected, abs=1e-10)


def test_holm_and_the_gate_are_what_their_rules_say(reference: Results) -> None:
    statistics = {"primary": "risk difference", "odi": "mean difference", "pain": "mean difference"}
    found_p = {
        a: reference.one(analysis=a, statistic=statistic, visit="m12", subgroup=None)
        for a, statistic in statistics.items()
    }
    p = {a: r["p"] for a, r in found_p.items() if r}
    first, second = sorted(("odi", "pain"), key=lambda a: p[a])
    holm = {first: min(1, 2 * p[first])}
    holm[second] = max(holm[first], p[second])
    gate = p["primary"] if p["primary"] <= 0.05 else 1.0
    for name in ("odi", "pain"):  # models of all visits: the others are compared, not tested
        rows = reference.rows(analysis=name, statistic="mean difference")
        assert [r["visit"] for r in rows] == ["m1", "m3", "m6", "m12"]
        assert [r["p"] is None for r in rows] == [True, True, True, False]
        assert all(r["lower"] < r["estimate"] < r["upper"] for r in rows)
    for name, expected in {"primary": p["primary"], **{a: max(gate, q) for a, q in holm.items()}}.items():
        found = reference.one(analysis=name, statistic="adjusted p")
        assert found is not None
        assert found["p"] == pytest.approx(expected, rel=1e-12)


# ------------------------------------------------------------------ what holds for any study


def test_excluded_and_analysed_make_everyone_enrolled(reference: Results, pilot: Results) -> None:
    for results in (reference, pilot):
        enrolled = {r["arm"]: r["estimate"] for r in results.rows(analysis="flow", category="allocated")}
        for name, analysis in results.protocol.analyses.items():
            for visit in results.protocol.analysis_visits(analysis):
                if analysis.method == "mmrm":
                    continue  # lists records, not patients by visit: test_repeated
                for arm, everyone in enrolled.items():
                    gone = results.rows(
                        analysis=name, visit=visit, arm=arm, statistic="excluded", subgroup=None
                    )
                    compared = results.rows(analysis=name, visit=visit, subgroup=None)
                    sizes = {r["n_arm"] for r in compared if r["arm"] == arm and r["versus"]}
                    sizes |= {r["n_versus"] for r in compared if r["versus"] == arm}
                    sizes -= {None}
                    assert sizes == {everyone - sum(r["estimate"] for r in gone)}, (name, visit, arm)
                    listed = results.exclusions.filter(
                        (results.exclusions["excluded_from"] == name) & (results.exclusions["visit"] == visit)
                    )
                    assert listed["file"].null_count() == listed["row"].null_count() == 0
                whole = results.rows(analysis=name, visit=visit, statistic="excluded", subgroup=None)
                assert listed.height == sum(r["estimate"] for r in whole)


def test_only_analyses_of_a_family_have_a_p(reference: Results, pilot: Results) -> None:
    for results in (reference, pilot):
        covered = {a for family in results.protocol.families.values() for a in family.of}
        tested = results.table.filter(results.table["p"].is_not_null())
        assert set(tested["analysis"]) == covered
        assert set(tested["statistic"]) <= {"risk difference", "mean difference", "adjusted p"}


def test_two_runs_write_the_same_bytes(reference: Results, reference_study: Study, tmp_path: Path) -> None:
    analyse(load_study(reference_study.folder)).write(tmp_path / "a")
    reference.write(tmp_path / "b")
    for name in ("results.csv", "exclusions.csv", "problems.csv", "manifest.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_other_data_under_the_same_protocol_have_the_same_ids(reference: Results, tmp_path: Path) -> None:
    import shutil

    from armwise.simulate.study import simulate_study

    example = Path(__file__).parents[2] / "examples" / "bmc-low-back-pain"
    for name in ("protocol.yaml", "assumptions.yaml"):
        shutil.copyfile(example / name, tmp_path / name)
    simulate_study(tmp_path, seed=8)
    other = analyse(load_study(tmp_path))
    # a reason, or a point of a curve, is data; everything else has its key whatever was observed
    varies = {"excluded", "missing", "cumulative share", "possible risk difference", "serious events"}

    def ids(results: Results) -> set[str]:
        table = results.table.filter(
            ~results.table["statistic"].is_in(list(varies)) & (results.table["analysis"] != "flow")
        )
        return set(table["key"])

    assert ids(other) == ids(reference)


def test_errors_in_the_data_stop_the_run_and_are_all_listed(small: Any, tmp_path: Path) -> None:
    from dataclasses import replace

    from armwise.errors import Problem

    study = small.study({"subjects": small.people(["new", "old"])})
    wrong = tuple(Problem("error", "data/scale.csv", n, "points", "found `x`", "correct it") for n in (2, 3))
    with pytest.raises(StudyError, match="2 errors in the data stop the run") as caught:
        analyse(replace(study, problems=wrong))
    assert caught.value.problems == wrong


def test_progress_is_told(small: Any) -> None:
    told: list[str] = []
    analyse(small.study({"subjects": small.people(["new", "old"])}), progress=told.append)
    assert told == ["scores and endpoints", "analysis primary", "tables and figures"]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_missing_the_walk_ends_in_rows_without_nan(
    reference_study: Study, tmp_path: Path, seed: int
) -> None:
    """Rows and cells of the reference study's files are dropped at random: from a few to nearly all."""
    import shutil

    rng = np.random.default_rng(seed)
    shutil.copytree(reference_study.folder, tmp_path / "study")
    kept = (0.95, 0.7, 0.4, 0.2, 0.1, 0.03)[seed]
    for file in sorted((tmp_path / "study" / "data").glob("*.csv")):
        frame = pd.read_csv(file, dtype=str)
        if file.stem != "subjects":
            frame = frame[rng.random(len(frame)) < kept]
        for column in frame.columns.difference(
            ["subject", "arm", "visit", "structure", "level", "reader", "reading", "term", "event"]
        ):
            if column != "date" or file.stem not in ("adverse_events", "events"):
                frame.loc[rng.random(len(frame)) > 0.5 + kept / 2, column] = None
        frame.to_csv(file, index=False)
    study = load_study(tmp_path / "study")
    assert not study.errors, study.errors[0]
    results = analyse(study)
    for name, analysis in results.protocol.analyses.items():
        for visit in results.protocol.analysis_visits(analysis):
            rows = results.rows(analysis=name, visit=visit, arm="bmc", versus="control")
            assert rows, (name, visit)
            assert all(r["status"] == "ok" or r["reason"] for r in rows)
    enrolled = {r["arm"]: r["estimate"] for r in results.rows(analysis="flow", category="allocated")}
    for arm, everyone in enrolled.items():
        gone = results.rows(analysis="primary", arm=arm, statistic="excluded")
        analysed = results.one(analysis="flow", category="analysed", arm=arm)
        assert analysed is not None
        assert analysed["estimate"] + sum(r["estimate"] for r in gone) == everyone
    results.write(tmp_path / "results")

"""Grids of shifts under the imputation model, against outcomes that are shifted by hand and analysed again."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import polars as pl
import pytest

from armwise.analysis.adjusted import arm_means
from armwise.analysis.compare import compare
from armwise.analysis.comparison import comparisons
from armwise.analysis.fragility import LINEAR, fragility
from armwise.analysis.results import Row, table
from armwise.analysis.shifted_answers import ENDS, LARGEST, TIPPING, Gaps, grid_rows
from armwise.derive.derived import Derived, derive
from armwise.protocol.fragility import Fragility
from armwise.protocol.model import Analysis
from armwise.stats import Estimate
from armwise.stats.imputation.pooled_arms import pool_arms
from armwise.stats.sensitivity.delta_shift import METHOD as SHIFTED
from armwise.stats.sensitivity.imputed_shifts import METHOD as IMPUTED
from armwise.study.study import Study

TESTED = ("odi_overlap", "odi_ancova", "odi", "odi_jump")
DELTAS = (-15.0, 0.0, 20.0)


def fragile(
    study: Study, analyses: tuple[str, ...], deltas: tuple[float, ...] = DELTAS, **changes: Any
) -> Study:
    protocol = study.protocol
    declared = {**protocol.analyses}
    for name, update in changes.items():
        declared[name] = Analysis.model_validate({**declared[name].model_dump(exclude_unset=True), **update})
    section = Fragility(analyses=analyses, deltas=deltas)
    protocol = protocol.model_copy(update={"fragility": section, "analyses": declared})
    return dataclasses.replace(study, protocol=protocol)


def thinned(study: Study, every: int, other: int) -> Study:
    """Without the month-12 ODI of each so many patients of the treated arm, and of the other arm."""
    arms = study.tables["subjects"].select("subject", "arm")
    gone = [
        *arms.filter(pl.col("arm") == "bmc")["subject"].sort().to_list()[::every],
        *arms.filter(pl.col("arm") == "control")["subject"].sort().to_list()[::other],
    ]
    odi = study.tables["odi"].filter(~(pl.col("subject").is_in(gone) & (pl.col("visit") == "m12")))
    return dataclasses.replace(study, tables={**study.tables, "odi": odi})


@pytest.fixture(scope="module")
def gappy(reference_study: Study) -> Study:
    """The reference study without the month-12 ODI of some more of both arms."""
    return thinned(reference_study, 13, 9)


@pytest.fixture(scope="module")
def derived(gappy: Study) -> Derived:
    return derive(fragile(gappy, TESTED))


@pytest.fixture(scope="module")
def rows(derived: Derived) -> list[Row]:
    return list(fragility(derived, []))


def cells(rows: list[Row], name: str, method: str = IMPUTED) -> dict[tuple[float, float], Row]:
    mine = (r for r in rows if r["item"] == name and r["method"] == method)
    return {(r["at"], r["at2"]): r for r in mine if r["at2"] is not None}


def of(rows: list[Row], name: str, statistic: str, method: str = IMPUTED) -> dict[Any, Row]:
    mine = (r for r in rows if (r["item"], r["statistic"], r["method"]) == (name, statistic, method))
    return {r["category"]: r for r in mine if r["at2"] is None}


def declared(derived: Derived, name: str) -> Row:
    """The comparison of the analysis itself at month 12."""
    found = compare(derived, name, derived.study.protocol.analyses[name]).rows
    (only,) = [
        r for r in found
        if (r["analysis"], r["statistic"], r["visit"], r["subgroup"]) == (name, "mean difference", "m12", None)
    ]  # fmt: skip
    return only


NUMBERS = ("estimate", "se", "df", "lower", "upper", "conf_level", "n", "n_arm", "n_versus")


@pytest.mark.parametrize("name", ["odi_overlap", "odi_jump"])
def test_the_cell_without_a_shift_is_the_analysis_itself(
    derived: Derived, rows: list[Row], name: str
) -> None:
    wanted, found = declared(derived, name), cells(rows, name)[0.0, 0.0]
    assert [found[k] for k in NUMBERS] == pytest.approx([wanted[k] for k in NUMBERS], rel=1e-12)
    assert (found["target"], found["arm"], found["versus"]) == (
        wanted["target"],
        wanted["arm"],
        wanted["versus"],
    )
    assert found["p"] is None


def test_every_cell_is_the_pooled_analysis_of_outcomes_that_were_shifted_by_hand(
    derived: Derived, rows: list[Row]
) -> None:
    analysis = derived.study.protocol.analyses["odi_overlap"]
    (c,) = comparisons(derived, "odi_overlap", analysis)
    assert c.imputed is not None and c.imputed.missing.any()
    found = cells(rows, "odi_overlap")
    assert found.keys() == {(a, v) for a in DELTAS for v in DELTAS}
    for (a, v), cell in found.items():
        moved = c.imputed.outcomes.copy()
        moved[:, c.imputed.missing & c.treated] += a
        moved[:, c.imputed.missing & ~c.treated] += v
        one_by_one = [
            arm_means(analysis, y[None], c.treated, c.imputed.covariates_of(i), "overlap", "mean")[0]
            for i, y in enumerate(moved)
        ]
        wanted = pool_arms(one_by_one, "mean", analysis.conf_level).difference
        assert (cell["estimate"], cell["se"], cell["df"], cell["lower"], cell["upper"]) == pytest.approx(
            (wanted.estimate, wanted.se, wanted.df, wanted.lower, wanted.upper), rel=1e-10, abs=1e-10
        )


def test_a_shift_in_both_arms_is_the_delta_that_an_analysis_may_declare(gappy: Study) -> None:
    study = fragile(
        gappy, ("odi_overlap",), (-5.0, 0.0), odi_overlap={"delta": {"bmc": 20.0, "control": -15.0}}
    )
    found = cells(list(fragility(derive(study), [])), "odi_overlap")
    plain = cells(list(fragility(derive(fragile(gappy, ("odi_overlap",))), [])), "odi_overlap")
    assert found[0.0, 0.0]["estimate"] == pytest.approx(plain[20.0, -15.0]["estimate"], rel=1e-12)
    assert found[0.0, 0.0]["upper"] == pytest.approx(plain[20.0, -15.0]["upper"], rel=1e-10)
    assert found[-5.0, 0.0]["estimate"] < found[0.0, 0.0]["estimate"]  # a shift is on top of it


def test_covariates_that_were_drawn_too_have_weights_in_every_set(gappy: Study) -> None:
    subjects = gappy.tables["subjects"]
    gone = subjects["subject"].to_list()[::9]
    tables = {
        **gappy.tables,
        "subjects": subjects.with_columns(
            pl.when(pl.col("subject").is_in(gone)).then(None).otherwise("bmi").alias("bmi")
            if subjects["bmi"].dtype == pl.String
            else pl.when(pl.col("subject").is_in(gone)).then(None).otherwise(pl.col("bmi")).alias("bmi")
        ),
    }
    study = dataclasses.replace(gappy, tables=tables)
    derived = derive(fragile(study, ("odi_overlap",)))
    (c,) = comparisons(derived, "odi_overlap", derived.study.protocol.analyses["odi_overlap"])
    assert c.imputed is not None and c.imputed.covariates_differ
    found, wanted = cells(list(fragility(derived, [])), "odi_overlap"), declared(derived, "odi_overlap")
    assert [found[0.0, 0.0][k] for k in NUMBERS] == pytest.approx([wanted[k] for k in NUMBERS], rel=1e-12)


def test_the_grid_of_a_model_of_all_visits_agrees_with_it_within_monte_carlo_error(
    derived: Derived, rows: list[Row]
) -> None:
    wanted, found = declared(derived, "odi"), cells(rows, "odi")[0.0, 0.0]
    assert abs(found["estimate"] - wanted["estimate"]) < 0.1 * wanted["se"]
    assert found["se"] == pytest.approx(wanted["se"], rel=0.1)
    assert "model of all visits" in of(rows, "odi", "combinations overturned")[None]["reason"]


def test_complete_cases_keep_their_closed_form(rows: list[Row]) -> None:
    assert cells(rows, "odi_ancova", SHIFTED) and not cells(rows, "odi_ancova")
    linear = next(r for r in rows if r["item"] == "odi_ancova" and r["method"] == LINEAR)
    assert cells(rows, "odi_ancova", SHIFTED)[0.0, 0.0]["estimate"] == pytest.approx(
        linear["estimate"], rel=1e-9
    )
    assert of(rows, "odi_ancova", TIPPING, SHIFTED).keys() == {"arm", "versus", "both"}


def test_bounds_for_a_confounder_stand_once_where_an_analysis_of_covariance_of_the_same_is_tested(
    gappy: Study, rows: list[Row]
) -> None:
    assert {r["item"] for r in rows if r["method"] == LINEAR} == {"odi_ancova"}
    alone = list(fragility(derive(fragile(gappy, ("odi_overlap",))), []))
    assert {r["item"] for r in alone if r["method"] == LINEAR} == {"odi_overlap"}


def test_the_largest_shift_puts_the_mean_of_the_missing_at_the_end_of_the_scale(
    derived: Derived, rows: list[Row]
) -> None:
    (c,) = comparisons(derived, "odi_overlap", derived.study.protocol.analyses["odi_overlap"])
    assert c.imputed is not None
    baseline = c.people["odi_baseline"].to_numpy()
    found = of(rows, "odi_overlap", LARGEST)
    for category, side, end in (("arm", c.treated, 100.0), ("versus", ~c.treated, 0.0)):
        gap = c.imputed.missing & side
        score = (c.imputed.outcomes[:, gap] + baseline[gap]).mean()
        assert found[category]["estimate"] == pytest.approx(abs(end - score), rel=1e-10)
        assert found[category]["n"] == gap.sum()
    assert found["both"]["estimate"] == pytest.approx(
        max(found["arm"]["estimate"], found["versus"]["estimate"])
    )
    worst = of(rows, "odi_overlap", "mean difference")[ENDS]
    grid = cells(rows, "odi_overlap")
    slopes = [
        (grid[20.0, 0.0]["estimate"] - grid[0.0, 0.0]["estimate"]) / 20,
        (grid[0.0, 20.0]["estimate"] - grid[0.0, 0.0]["estimate"]) / 20,
    ]
    moved = slopes[0] * found["arm"]["estimate"] - slopes[1] * found["versus"]["estimate"]
    assert worst["estimate"] == pytest.approx(grid[0.0, 0.0]["estimate"] + moved, rel=1e-9)


def test_at_the_tipping_point_the_nearer_limit_is_no_difference(reference_study: Study) -> None:
    """With half of an arm missing and a small effect every direction has a tipping point within the scale."""
    study = thinned(reference_study, 2, 3)
    derived = derive(fragile(study, ("odi_overlap",)))
    rows = list(fragility(derived, []))
    tips, largest = of(rows, "odi_overlap", TIPPING), of(rows, "odi_overlap", LARGEST)
    ok = {name: r["estimate"] for name, r in tips.items() if r["status"] == "ok"}
    assert "both" in ok and "arm" in ok
    for name, shift in ok.items():
        a, v = {"arm": (shift, 0.0), "versus": (0.0, -shift), "both": (shift, -shift)}[name]
        here = tuple(sorted({0.0, a, v}))
        cell = cells(list(fragility(derive(fragile(study, ("odi_overlap",), here)), [])), "odi_overlap")[a, v]
        assert cell["upper"] == pytest.approx(0, abs=1e-7)
        assert 0 < shift < largest[name]["estimate"]
    # the treated arm's ODI fell further: its own are moved up, those of the other arm down
    assert tips["arm"]["reason"] == "added"
    assert tips["both"]["reason"] == "added in the arm, taken off in the other"


def flat(estimate: float, half: float, slopes: tuple[float, float] = (0.1, -0.2)) -> Any:
    def at(a: float, v: float) -> Estimate:
        x = estimate + slopes[0] * a + slopes[1] * v
        return Estimate(x, half / 2, 50.0, x - half, x + half, 0.95, None, 9, 5, 4, "m", "mean difference")

    return at


ABOUT = {"analysis": "fragility", "arm": "new", "versus": "old", "unit": "points"}


def tipping(at: Any, gaps: tuple[Gaps, Gaps]) -> dict[str, Row]:
    return {
        r["category"]: r
        for r in grid_rows(at, (-10.0, 0.0, 10.0), gaps, "m", ABOUT)
        if r["statistic"] == TIPPING
    }


def test_shifts_are_against_the_difference_whatever_its_sign() -> None:
    wide = Gaps(3, 1000, 1000), Gaps(4, 1000, 1000)
    down, up = tipping(flat(-10, 4), wide), tipping(flat(10, 4), wide)
    for category, size in (("arm", 60.0), ("versus", 30.0), ("both", 20.0)):
        assert down[category]["estimate"] == pytest.approx(size, abs=1e-6)
        assert up[category]["estimate"] == pytest.approx(size, abs=1e-6)
    assert [down[k]["reason"] for k in ("arm", "versus")] == ["added", "taken off"]
    assert [up[k]["reason"] for k in ("arm", "versus")] == ["taken off", "added"]


def test_a_tipping_point_beyond_the_scale_is_none_and_says_so() -> None:
    found = tipping(flat(-10, 4), (Gaps(3, 50, 50), Gaps(4, 50, 50)))
    assert (found["arm"]["status"], found["arm"]["reason"]) == ("not estimable", "no shift as large as that")
    assert found["versus"]["estimate"] == pytest.approx(30)


def test_where_one_arm_is_at_the_end_of_the_scale_the_other_is_moved_on_alone() -> None:
    # 6 are needed: 0.2 x 10 of the other arm, which has no more room, and 0.1 x 40 of the arm
    found = tipping(flat(-10, 4), (Gaps(3, 50, 50), Gaps(4, 10, 10)))
    assert {k: r["status"] for k, r in found.items()} == {
        "arm": "not estimable", "versus": "not estimable", "both": "ok",
    }  # fmt: skip
    assert found["both"]["estimate"] == pytest.approx(40, abs=1e-6)


def test_without_ends_of_a_scale_it_is_looked_for_up_to_ten_times_the_grid() -> None:
    rows = list(grid_rows(flat(-10, 4), (-5.0, 0.0, 5.0), (Gaps(3), Gaps(4)), "m", ABOUT))
    largest = {r["category"]: r["estimate"] for r in rows if r["statistic"] == LARGEST}
    assert largest == {"arm": 50.0, "versus": 50.0, "both": 50.0}
    (ends,) = [r for r in rows if r["category"] == ENDS]
    assert (ends["status"], ends["reason"]) == ("not estimable", "the endpoint has no scale with two ends")


def test_an_arm_without_missing_answers_and_a_finding_that_is_none_are_said() -> None:
    found = tipping(flat(-10, 4), (Gaps(0), Gaps(4, 90, 90)))
    assert (found["arm"]["estimate"], found["arm"]["reason"]) == (None, "no answer is missing")
    assert found["both"]["reason"] == "no answer is missing in one of the arms"
    none = tipping(flat(-3, 4), (Gaps(3, 90, 90), Gaps(4, 90, 90)))
    assert {r["estimate"] for r in none.values()} == {0.0}
    assert "without a shift" in none["arm"]["reason"]


def test_shifts_of_an_arm_in_which_nobody_is_missing_are_one_combination() -> None:
    deltas = (-10.0, 0.0, 10.0)
    for gaps, n in (((Gaps(2), Gaps(3)), 9), ((Gaps(0), Gaps(3)), 3), ((Gaps(0), Gaps(0)), 1)):
        slopes = (0.1 * (gaps[0].missing > 0), -0.8 * (gaps[1].missing > 0))
        rows = list(grid_rows(flat(-10, 4, slopes), deltas, gaps, "m", ABOUT))
        (count,) = [r for r in rows if r["statistic"] == "combinations overturned"]
        assert count["n"] == n
        assert len([r for r in rows if r["at2"] is not None]) == 9
        held = {r["estimate"] for r in rows if r["at2"] is not None and r["lower"] <= 0 <= r["upper"]}
        assert count["estimate"] == len(held)


def test_ids_of_the_rows_do_not_depend_on_the_data(reference_study: Study, rows: list[Row]) -> None:
    other = list(fragility(derive(fragile(thinned(reference_study, 2, 3), TESTED)), []))
    shifts = {r["id"] for r in rows if r["method"] in (IMPUTED, SHIFTED)}
    assert shifts == {r["id"] for r in other if r["method"] in (IMPUTED, SHIFTED)}
    assert table(rows).height == len(rows)  # no key twice


def test_draws_that_cannot_be_made_leave_rows_with_the_reason(reference_study: Study) -> None:
    arms = reference_study.tables["subjects"].select("subject", "arm")
    gone = arms.filter(pl.col("arm") == "bmc")["subject"].to_list()
    odi = reference_study.tables["odi"].filter(~(pl.col("subject").is_in(gone) & (pl.col("visit") == "m12")))
    study = dataclasses.replace(reference_study, tables={**reference_study.tables, "odi": odi})
    rows = list(fragility(derive(fragile(study, ("odi_overlap",))), []))
    count = of(rows, "odi_overlap", "combinations overturned")[None]
    assert count["status"] == "not estimable" and "nothing to draw it from" in count["reason"]
    assert {r["status"] for r in of(rows, "odi_overlap", TIPPING).values()} == {"not estimable"}
    assert np.all([r["estimate"] is None for r in of(rows, "odi_overlap", TIPPING).values()])

"""Which rows answer which question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from armwise.analysis.comparison import AS_ANALYSED, STATISTIC
from armwise.analysis.results import Results, Row, row, table
from armwise.protocol.model import METHODS
from armwise.report import comparisons
from armwise.stats.fisher import METHOD as FISHER

ABOUT = {"analysis": "primary", "endpoint": "primary", "visit": "m12", "arm": "bmc", "versus": "control"}


def with_rows(results: Results, *added: Row, without: Callable[[Row], bool] = lambda r: False) -> Results:
    """The results with other rows."""
    kept = [r for r in results.table.to_dicts() if not without(r)]
    return Results(table([*kept, *added]), results.protocol, "", manifest=results.manifest)


def test_a_comparison_is_the_row_of_the_method_that_the_protocol_declares(two_arms: Results) -> None:
    results = with_rows(two_arms, row("risk ratio", 2.0, method="Fisher's exact", **ABOUT))
    found = comparisons.leading(results, "primary")
    assert [r["statistic"] for r in found] == ["risk difference"]


def test_a_comparison_is_never_that_of_a_subgroup(two_arms: Results) -> None:
    inside = row("risk difference", 0.9, subgroup="age=under 60", **ABOUT)
    first = table([inside, *two_arms.table.to_dicts()])
    results = Results(first, two_arms.protocol, "", manifest=two_arms.manifest)
    found = [r["id"] for r in comparisons.leading(results, "primary")]
    assert found == [r["id"] for r in comparisons.leading(two_arms, "primary")] and inside["id"] not in found


def test_an_odds_ratio_by_another_method_is_not_taken_for_that_of_the_analysis(two_arms: Results) -> None:
    declared = two_arms.protocol.analyses["primary"].model_copy(update={"method": "odds-ratio"})
    protocol = two_arms.protocol.model_copy(
        update={"analyses": two_arms.protocol.analyses | {"primary": declared}}
    )
    beside = row("odds ratio", 9.0, method=FISHER, **ABOUT)
    own = row("odds ratio", 5.0, method="Miettinen-Nurminen", **ABOUT)
    kept = [r for r in two_arms.table.to_dicts() if r["statistic"] != "odds ratio"]
    results = Results(table([beside, own, *kept]), protocol, "", manifest=two_arms.manifest)
    assert [r["id"] for r in comparisons.leading(results, "primary")] == [own["id"]]


def test_every_method_of_the_protocol_has_its_statistic() -> None:
    assert set(STATISTIC) == set(METHODS)


def test_figures_and_sections_read_the_same_comparison(two_arms: Results) -> None:
    seen = 0
    for endpoint in two_arms.protocol.endpoints:
        for arm, rows in comparisons.differences(two_arms, endpoint).items():
            for visit, found in rows.items():
                name = comparisons.answers(two_arms, endpoint, visit)[0]
                assert found == comparisons.comparison(two_arms, name, arm, visit)
                seen += 1
    assert seen > 5


def test_a_sensitivity_analysis_never_answers_for_an_endpoint(two_arms: Results) -> None:
    supporting = {n for n, a in two_arms.protocol.analyses.items() if a.role == "sensitivity"}
    assert supporting
    found = {
        name
        for endpoint in two_arms.protocol.endpoints
        for visit in two_arms.protocol.visits
        for name in comparisons.answers(two_arms, endpoint, visit)
    }
    assert found and not found & supporting


@pytest.mark.parametrize(
    ("lower", "upper", "clear"),
    [(1, 2, True), (-2, -1, True), (-1, 1, False), (0, 1, False), (None, None, False)],
)
def test_an_interval_excludes_no_effect_only_when_it_lies_wholly_on_one_side(
    lower: float | None, upper: float | None, clear: bool
) -> None:
    assert comparisons.excludes_no_effect(row("mean difference", 0.5, lower=lower, upper=upper)) is clear


def test_no_effect_of_a_ratio_is_one() -> None:
    assert not comparisons.excludes_no_effect(row("risk ratio", 2.0, lower=0.5, upper=3.0))
    assert comparisons.excludes_no_effect(row("risk ratio", 2.0, lower=1.1, upper=3.0))


def filled(two_arms: Results) -> Results:
    """Results whose primary analysis counts a missing answer as no response: 27 of 40, where 36 answered."""
    about = {k: v for k, v in ABOUT.items() if k not in ("arm", "versus")}
    added = []
    for arm, k in (("bmc", 27), ("control", 11)):
        own = {**about, "arm": arm, "n": 40}
        added.append(row("responders", k, method=AS_ANALYSED, unit="subjects", **own))
        added.append(row("risk", k / 40 + 0.01, method="overlap weights", unit="proportion", **own))
    gone = {"responders", "risk"}
    return with_rows(
        two_arms,
        *added,
        without=lambda r: (r["analysis"] or "").startswith("primary") and r["statistic"] in gone,
    )


def test_the_counts_beside_a_difference_are_those_behind_it(two_arms: Results) -> None:
    count = comparisons.analysed(filled(two_arms), "primary", "m12", "bmc", "responders")
    assert count is not None and (count["analysis"], count["estimate"], count["n"]) == ("primary", 27, 40)


def test_the_share_beside_a_count_is_that_of_the_count_and_never_the_weighted_one(two_arms: Results) -> None:
    results = filled(two_arms)
    count = comparisons.analysed(results, "primary", "m12", "bmc", "responders")
    share = comparisons.analysed(results, "primary", "m12", "bmc", "risk")
    assert count is not None and share is not None
    assert share["estimate"] == 27 / 40 and share["id"] == count["id"]
    about = {**ABOUT, "versus": None, "n": 40, "conf_level": 0.95, "method": AS_ANALYSED}
    own = row("risk", 27 / 40, lower=0.52, upper=0.8, **about)
    found = comparisons.analysed(with_rows(results, own), "primary", "m12", "bmc", "risk")
    assert found is not None and found["lower"] == 0.52


def test_where_the_analysis_has_no_counts_those_observed_stand(two_arms: Results) -> None:
    bare = with_rows(two_arms, without=lambda r: r["method"] == AS_ANALYSED)
    found = comparisons.analysed(bare, "primary", "m12", "bmc", "responders")
    assert found is not None and found["analysis"] == "describe"


def test_the_rows_of_a_model_of_all_visits_are_found_by_arm_and_visit(small: Any) -> None:
    from armwise.analysis.run import analyse

    results = analyse(small.repeated(small.drawn(), {"at": ["m6"]}))
    assert comparisons.repeated(results.protocol) == ["model"]
    means = comparisons.model_means(results, "model", "ls mean")
    assert {arm: list(rows) for arm, rows in means.items()} == {
        "new": ["m1", "m3", "m6"],
        "old": ["m1", "m3", "m6"],
    }
    differences = comparisons.model_differences(results, "model")
    assert {arm: list(rows) for arm, rows in differences.items()} == {"new": ["m6"]}

"""Who enters a model for repeated measures, what it does when it has no fit, and what is listed as left out."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from armwise.analysis.repeated import DEGREES_OF_FREEDOM, INSTEAD, covariance_words, fitted_covariance
from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.errors import FitError
from armwise.protocol import plan

AR1 = covariance_words("heterogeneous-ar1")


def only(results: Results, **where: Any) -> dict[str, Any]:
    found = results.one(analysis="model", subgroup=None, **where)
    assert found is not None, where
    return found


def twice(points: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """The same study with the third month's questionnaire entered again as the sixth's."""
    return {s: {**seen, **({"m6": seen["m3"]} if "m3" in seen else {})} for s, seen in points.items()}


TWICE = (
    "The outcomes at m3 and m6 are the same for every patient seen at both: was a visit entered twice, or is one score "
    "a function of another? The unstructured covariance is singular"
)


def entered_twice(small: Any) -> dict[str, dict[str, float]]:
    return twice({s: {v: x for v, x in seen.items() if v != "m6"} for s, seen in small.drawn().items()})


def test_every_word_of_the_protocol_has_words_for_people() -> None:
    labels = [covariance_words(name) for name in get_args(plan.Covariance)]
    assert len(set(labels)) == len(labels)
    assert set(DEGREES_OF_FREEDOM) == set(get_args(plan.DegreesOfFreedom))


@pytest.mark.parametrize("covariance", get_args(plan.Covariance))
def test_every_covariance_of_the_protocol_is_fitted(small: Any, covariance: str) -> None:
    results = analyse(small.repeated(small.drawn(), {"covariance": covariance, "fallback": "none"}))
    assert [x["status"] for x in results.rows(analysis="model", statistic="mean difference")] == ["ok"] * 3


@pytest.mark.parametrize("df", get_args(plan.DegreesOfFreedom))
def test_every_kind_of_degrees_of_freedom_is_used(small: Any, df: str) -> None:
    results = analyse(small.repeated(small.drawn(), {"degrees_of_freedom": df}))
    found = only(results, statistic="mean difference", visit="m6")
    assert found["status"] == "ok"
    assert found["df"] > 10
    assert found["method"].endswith(DEGREES_OF_FREEDOM[df])


# ------------------------------------------------------------------ who enters


def test_a_patient_with_one_visit_is_in_the_model_and_one_without_is_counted(small: Any) -> None:
    points = small.drawn(gone=0.0)
    points["p1"] = {k: points["p1"][k] for k in ("baseline", "m1")}
    points["p2"] = {"baseline": points["p2"]["baseline"]}
    points["p3"] = {k: points["p3"][k] for k in ("m1", "m3", "m6")}
    results = analyse(small.repeated(points))
    row = only(results, statistic="mean difference", visit="m6")
    assert (row["n"], row["n_arm"], row["n_versus"]) == (38, 19, 19)
    assert only(results, statistic="n", visit="m6", arm="new")["estimate"] == 18  # not p1
    assert only(results, statistic="observations")["estimate"] == 37 * 3 + 1
    for visit in ("m1", "m3", "m6"):
        gone = results.rows(analysis="model", statistic="excluded", visit=visit)
        assert [(x["arm"], x["category"], x["estimate"]) for x in gone] == [
            ("new", "no outcome at any visit: no baseline", 1),
            ("old", "no outcome at any visit: not recorded", 1),
        ]
    assert only(results, statistic="missing outcomes", visit="m6", arm="new")["estimate"] == 2  # p1 and p3
    listed = results.exclusions.filter(results.exclusions["excluded_from"] == "model")
    assert sorted(listed.select("file", "row", "visit", "reason").rows(), key=str) == sorted(
        [
            ("data/subjects.csv", 3, None, "no outcome at any visit: not recorded"),
            *(
                ("data/scale.csv", row, v, "no outcome at any visit: no baseline")
                for v, row in (("m1", 5), ("m3", 6), ("m6", 7))
            ),
        ],
        key=str,
    )


def test_a_patient_without_a_covariate_is_not_in_the_model(small: Any) -> None:
    study = small.repeated(small.drawn(gone=0.0), {"covariates": ["baseline", "age"]})
    path = study.folder / "data" / "subjects.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = lines[1].split(",")
    cells[lines[0].split(",").index("age")] = ""
    path.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n", encoding="utf-8")
    from armwise.study.study import load_study

    results = analyse(load_study(study.folder))
    assert only(results, statistic="mean difference", visit="m1")["n"] == 39
    assert only(results, statistic="excluded", visit="m1")["category"] == "covariate missing: age"
    listed = results.exclusions.filter(results.exclusions["excluded_from"] == "model")
    assert listed["visit"].to_list() == ["m1", "m3", "m6"]  # each of the patient's records


@pytest.mark.parametrize("strategy", ["hypothetical", "treatment-policy"])
def test_outcomes_after_a_hypothetical_event_become_missing_and_are_listed(small: Any, strategy: str) -> None:
    points = small.drawn(gone=0.0)
    operated = [
        {"subject": "p1", "date": "2026-03-01", "event": "surgery", "reason": None}
    ]  # day 59: after m1
    results = analyse(
        small.repeated(
            points, {"estimand": "e"}, {"events": operated}, events={"surgery": {}},
            estimands={"e": {"events": {"surgery": strategy}}},
        )
    )  # fmt: skip
    aside = strategy == "hypothetical"
    assert only(results, statistic="observations")["estimate"] == 120 - 2 * aside
    assert only(results, statistic="mean difference", visit="m6")["n"] == 40
    assert results.rows(analysis="model", statistic="excluded") == []
    listed = results.exclusions.filter(results.exclusions["excluded_from"] == "model")
    expected = [("data/scale.csv", 4, "m3"), ("data/scale.csv", 5, "m6")] if aside else []
    assert listed.select("file", "row", "visit").rows() == expected
    assert set(listed["reason"]) == ({"outcome missing: after surgery"} if aside else set())
    without = analyse(small.repeated({**points, "p1": {k: points["p1"][k] for k in ("baseline", "m1")}}))
    same = only(results, statistic="mean difference", visit="m6")["estimate"] == pytest.approx(
        only(without, statistic="mean difference", visit="m6")["estimate"], rel=1e-9
    )
    assert same == aside


# ------------------------------------------------------------------ a covariance that has no fit


def test_a_visit_entered_twice_is_named_first_and_the_fallback_is_fitted(small: Any) -> None:
    results = analyse(small.repeated(entered_twice(small)))
    for statistic in ("mean difference", "ls mean", "sd", "correlation", "log likelihood"):
        for row in results.rows(analysis="model", statistic=statistic):
            if row["method"] == "as analysed":
                continue
            assert row["status"] == "ok"
            assert row["reason"].startswith(f"{TWICE}; the {AR1} one is fitted instead"), statistic
            assert row["method"] == "MMRM, unstructured, Kenward-Roger"  # what was planned
    assert only(results, statistic="variance parameters")["estimate"] == 4
    rho = {
        (x["visit"], x["item"]): x["estimate"]
        for x in results.rows(analysis="model", statistic="correlation")
    }
    assert rho["m1", "m6"] == pytest.approx(rho["m1", "m3"] * rho["m3", "m6"], rel=1e-9)


def test_without_a_fallback_nothing_is_estimated_and_the_reason_says_why(small: Any) -> None:
    results = analyse(small.repeated(entered_twice(small), {"fallback": "none"}))
    rows = [
        x
        for statistic in ("mean difference", "ls mean", "sd", "correlation", "log likelihood", "aic")
        for x in results.rows(analysis="model", statistic=statistic)
        if x["method"] != "as analysed"
    ]
    assert len(rows) == 3 + 6 + 3 + 3 + 1 + 1
    for row in rows:
        assert (row["status"], row["estimate"], row["lower"]) == ("not estimable", None, None)
        assert row["reason"] == f"{TWICE}, and no other was to be fitted"


def test_a_score_that_is_a_function_of_another_is_named(small: Any) -> None:
    """The sixth month is the third, three points lower: not the same numbers, but no second variance."""
    points = {
        s: {v: x for v, x in seen.items() if v != "m6"}
        | ({"m6": round(seen["m3"] - 3, 1)} if "m3" in seen else {})
        for s, seen in small.drawn(120).items()
    }
    results = analyse(small.repeated(points))
    reason = only(results, statistic="mean difference", visit="m3")["reason"]
    assert reason.startswith(
        "Given the covariates, the outcomes at m3 and m6 are functions of each other: was a visit"
    )
    assert "too few" not in reason
    assert reason.endswith(f"The unstructured covariance is singular; the {AR1} one is fitted instead")


def test_visits_that_nobody_had_together_are_named_by_their_labels(small: Any) -> None:
    visits = {
        **small.visits,
        "m1": {**small.visits["m1"], "label": "Month 1"},
        "m6": {**small.visits["m6"], "label": "Month 6"},
    }
    points = small.drawn(gone=0.0)
    for i, seen in enumerate(points.values()):
        seen.pop("m1" if i % 4 < 2 else "m6")
    results = analyse(small.repeated(points, visits=visits))
    reason = only(results, statistic="mean difference", visit="m3")["reason"]
    assert "no subject was observed at both Month 1 and Month 6" in reason
    assert f"The unstructured covariance is not identified; the {AR1} one is fitted instead" in reason


def test_when_the_fallback_fails_too_both_reasons_are_given(
    small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from armwise.stats.repeated import fitting

    def fail(*_: Any, covariance: str, **__: Any) -> Any:
        raise FitError(
            f"{covariance} does not fit", "singular" if covariance == "unstructured" else "not converged"
        )

    monkeypatch.setattr(fitting, "mmrm_wide", fail)
    results = analyse(small.repeated(small.drawn()))
    for row in results.rows(analysis="model", statistic="mean difference"):
        assert row["status"] == "not estimable"
        assert row["reason"] == (
            f"Unstructured does not fit. The unstructured covariance is singular; the {AR1} one did not "
            "converge too"
        )


def test_ids_do_not_depend_on_whether_the_fallback_was_needed(small: Any) -> None:
    sound, broken = (
        analyse(small.repeated(p, {"fallback": f}))
        for p, f in ((small.drawn(), "heterogeneous-ar1"), (entered_twice(small), "none"))
    )
    ids = [
        {x["id"] for x in r.rows(analysis="model") if x["statistic"] not in ("lord", "excluded")}
        for r in (sound, broken)
    ]
    assert ids[0] == ids[1]


def test_a_visit_at_which_nobody_was_seen_is_left_out_of_the_model(small: Any) -> None:
    points = {s: {k: x for k, x in seen.items() if k != "m3"} for s, seen in small.drawn().items()}
    results = analyse(small.repeated(points))
    found = {x["visit"]: x for x in results.rows(analysis="model", statistic="mean difference")}
    assert {v: x["status"] for v, x in found.items()} == {"m1": "ok", "m3": "not estimable", "m6": "ok"}
    assert found["m3"]["reason"] == "nobody in new and old was observed at this visit"
    assert only(results, statistic="variance parameters")["estimate"] == 3
    assert only(results, statistic="sd", visit="m3", arm=None)["status"] == "not estimable"


def test_an_arm_that_was_not_seen_at_a_visit_is_compared_at_the_others(small: Any) -> None:
    points = small.drawn()
    for i, seen in enumerate(points.values()):
        if i % 2 == 0:
            seen.pop("m6", None)
    results = analyse(small.repeated(points))
    found = {x["visit"]: x for x in results.rows(analysis="model", statistic="mean difference")}
    assert {v: x["status"] for v, x in found.items()} == {"m1": "ok", "m3": "ok", "m6": "not estimable"}
    assert found["m6"]["reason"] == "nobody in new was observed at this visit"
    assert (
        only(results, statistic="ls mean", visit="m6", arm="new")["reason"]
        == "nobody in new was observed at this visit"
    )
    assert only(results, statistic="ls mean", visit="m6", arm="old")["status"] == "ok"


def test_an_arm_that_was_not_seen_at_a_visit_has_its_unadjusted_row_there_too(small: Any) -> None:
    points = small.drawn()
    for i, seen in enumerate(points.values()):
        if i % 2 == 0:
            seen.pop("m6", None)
    results = analyse(small.repeated(points))
    beside = results.rows(analysis="model.unadjusted", statistic="mean difference")
    assert {x["visit"]: x["status"] for x in beside} == {"m1": "ok", "m3": "ok", "m6": "not estimable"}
    assert [x["status"] for x in results.rows(analysis="model.unadjusted", visit="m6")] == [
        "not estimable"
    ] * 2
    mean = only(results, statistic="mean", visit="m6", arm="new", method="as analysed")
    assert mean["reason"] == "nobody was observed at this visit"


# ------------------------------------------------------------------ what is said of the data


@pytest.mark.parametrize("covariance", ["compound-symmetry", "toeplitz", "heterogeneous-ar1"])
def test_a_visit_entered_twice_is_named_whatever_the_covariance_and_is_a_problem(
    small: Any, covariance: str
) -> None:
    results = analyse(small.repeated(entered_twice(small), {"covariance": covariance}))
    row = only(results, statistic="log likelihood")
    assert row["reason"].startswith("The outcomes at m3 and m6 are the same for every patient seen at both")
    (told,) = [p for p in results.problems if "entered twice" in p.todo]
    assert (told.severity, told.file, told.row, told.column) == (
        "warning",
        "data/scale.csv",
        None,
        "scale.points",
    )
    assert told.what == "the score is the same at m3 and m6 for everybody who was seen at both"


def test_two_models_of_a_score_that_was_entered_twice_make_one_problem(small: Any) -> None:
    other = {**small.model, "covariance": "ar1"}
    results = analyse(small.repeated(entered_twice(small), analyses={"other": other}))
    assert len([p for p in results.problems if "entered twice" in p.todo]) == 1


def test_a_few_patients_with_the_same_outcome_twice_are_no_fault(small: Any) -> None:
    points = small.drawn(gone=0.0)
    for i, (s, seen) in enumerate(points.items()):
        if i < 4:
            seen["m6"] = seen["m3"]
        else:
            points[s] = {v: x for v, x in seen.items() if v != ("m3" if i % 2 else "m6")}
    results = analyse(small.repeated(points, {"covariance": "heterogeneous-compound-symmetry"}))
    assert "entered twice" not in only(results, statistic="log likelihood")["reason"]
    assert [p for p in results.problems if "entered twice" in p.todo] == []


def test_visits_that_the_columns_alone_would_fit_are_named_with_and(small: Any) -> None:
    """Every outcome of two visits is the same: the columns leave nothing there."""
    points = {s: {**seen, "m1": 20.0, "m3": 21.0} for s, seen in small.drawn(gone=0.0).items()}
    results = analyse(small.repeated(points, {"endpoint": "value"}, endpoints=VALUE))
    reason = only(results, statistic="log likelihood")["reason"]
    assert reason.startswith(
        "Arm and covariates alone would fit every outcome at m1 and m3: the outcomes there are equal, or follow from"
        " the covariates, or are no more than the coefficients."
    )


VALUE = {
    "value": {"score": "scale.points", "kind": "value"},
    "better": {"score": "scale.points", "kind": "responder", "improvement": {"at_least": 10}},
}


def test_columns_that_others_determine_are_named_as_people_call_them(small: Any) -> None:
    study = small.repeated(small.drawn(gone=0.0), {"covariates": ["baseline", "sex", "twin"], "one_effect": ["sex"]},
                           covariates={**small.protocol["covariates"], "twin": "subjects.sex"})  # fmt: skip
    reason = only(analyse(study), statistic="log likelihood")["reason"]
    assert reason.startswith("Not used, as others determine")
    assert "sex m" in reason.lower()
    assert "[" not in reason


def test_an_arm_that_nobody_saw_is_no_column_that_others_determine(small: Any) -> None:
    for parity in (0, 1):
        points = small.drawn()
        for i, seen in enumerate(points.values()):
            if i % 2 == parity:
                seen.pop("m6", None)
        assert only(analyse(small.repeated(points)), statistic="log likelihood")["reason"] in ("", None)


def test_an_interval_with_less_than_one_degree_of_freedom_is_not_shown(
    small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    from armwise.stats.repeated import contrasts

    true = contrasts.contrasts

    def few(*given: Any, **also: Any) -> Any:
        found = true(*given, **also)
        return dataclasses.replace(found, df=found.df * 0 + 0.2449)

    monkeypatch.setattr(contrasts, "contrasts", few)
    results = analyse(small.repeated(small.drawn()))
    for statistic, rows in (("mean difference", 3), ("ls mean", 6)):
        found = results.rows(analysis="model", statistic=statistic, status="not estimable")
        assert len(found) == rows
        assert {x["reason"] for x in found} == {"too few patients: 0.2 degrees of freedom"}
        assert {(x["estimate"], x["lower"]) for x in found} == {(None, None)}


def test_the_covariance_that_was_fitted_is_read_from_the_note(small: Any) -> None:
    for points, expected in ((small.drawn(), "unstructured"), (entered_twice(small), "heterogeneous-ar1")):
        results = analyse(small.repeated(points))
        row = only(results, statistic="log likelihood")
        assert fitted_covariance(results.protocol.analyses["model"], row["reason"] or "") == expected
    assert INSTEAD in row["reason"]

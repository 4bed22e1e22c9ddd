"""The rows of a model for repeated measures: against nlme and emmeans, then what they do not say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.study.study import load_study

FIXTURES = Path(__file__).with_name("fixtures")
PILOT = Path(__file__).parents[2] / "examples" / "cdisc-pilot"


def only(results: Results, **where: Any) -> dict[str, Any]:
    found = results.one(analysis="model", subgroup=None, **where)
    assert found is not None, where
    return found


@pytest.fixture(scope="module")
def r() -> dict[str, Any]:
    return json.loads((FIXTURES / "mixed_model.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def satterthwaite(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The pilot study with standard errors that no correction has changed."""
    folder = tmp_path_factory.mktemp("pilot") / "study"
    folder.mkdir()
    for part in ("data", "instruments"):
        (folder / part).symlink_to(PILOT / part)
    data = yaml.safe_load((PILOT / "protocol.yaml").read_text(encoding="utf-8"))
    data["analyses"]["mixed_model"]["degrees_of_freedom"] = "satterthwaite"
    (folder / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return analyse(load_study(folder))


def test_ls_means_are_those_of_emmeans_on_a_gls_of_nlme(satterthwaite: Results, r: dict[str, Any]) -> None:
    for expected in r["means"]:
        found = satterthwaite.one(
            analysis="mixed_model", statistic="ls mean", visit=expected["visit"], arm=expected["arm"]
        )
        assert found is not None
        assert found["estimate"] == pytest.approx(
            expected["emmean"], abs=5e-6
        )  # as far as nlme's optimiser goes
        assert found["se"] == pytest.approx(expected["SE"], rel=5e-6)


def test_differences_are_those_of_emmeans_on_a_gls_of_nlme(satterthwaite: Results, r: dict[str, Any]) -> None:
    assert len(r["differences"]) == 6
    for expected in r["differences"]:
        found = satterthwaite.one(
            analysis="mixed_model", statistic="mean difference", visit=expected["visit"],
            arm=expected["contrast"].split(" - ")[0],
        )  # fmt: skip
        assert found is not None
        assert found["estimate"] == pytest.approx(expected["estimate"], abs=5e-6)
        assert found["se"] == pytest.approx(expected["SE"], rel=5e-6)


def test_the_fitted_covariance_is_that_of_nlme(pilot: Results, r: dict[str, Any]) -> None:
    rows = pilot.rows(analysis="mixed_model", statistic="sd", arm=None)
    assert [x["visit"] for x in rows] == ["w8", "w16", "w24"]
    assert [x["estimate"] for x in rows] == pytest.approx(r["sd"], rel=5e-6)
    pairs = {f"{x['visit']}{x['item']}": x["estimate"] for x in pilot.rows(statistic="correlation")}
    assert pairs == pytest.approx(r["correlation"], abs=1e-5)
    observations = pilot.one(analysis="mixed_model", statistic="observations")
    assert observations is not None
    assert (observations["estimate"], observations["n"]) == (r["rows"], r["patients"])


def test_a_change_and_a_value_have_the_same_differences_given_the_baseline(small: Any) -> None:
    endpoints = {**small.protocol["endpoints"], "score": {"score": "scale.points", "kind": "value"}}
    second = {**small.model, "endpoint": "score"}
    results = analyse(small.repeated(small.drawn(), endpoints=endpoints, analyses={"value": second}))
    for visit in ("m1", "m3", "m6"):
        one = only(results, statistic="mean difference", visit=visit)
        two = results.one(analysis="value", statistic="mean difference", visit=visit)
        assert two is not None
        for name in ("estimate", "se", "df", "lower", "upper"):
            assert one[name] == pytest.approx(two[name], rel=1e-7), name
        means = [
            results.one(analysis=a, statistic="ls mean", visit=visit, arm="new") for a in ("model", "value")
        ]
        assert means[0] is not None and means[1] is not None
        assert (
            means[1]["estimate"] - means[0]["estimate"] > 20
        )  # and the means themselves lie a baseline apart


def test_the_visits_that_are_compared_do_not_change_the_model(small: Any) -> None:
    whole = analyse(small.repeated(small.drawn()))
    last = analyse(small.repeated(small.drawn(), {"at": "m6"}))
    assert [x["visit"] for x in last.rows(analysis="model", statistic="mean difference")] == ["m6"]
    assert [x["visit"] for x in whole.rows(analysis="model", statistic="mean difference")] == [
        "m1",
        "m3",
        "m6",
    ]
    for statistic in ("mean difference", "ls mean", "sd", "correlation", "log likelihood"):
        for row in last.rows(analysis="model", statistic=statistic):
            same = next(x for x in whole.rows(analysis="model") if x["id"] == row["id"])
            assert row == same
    assert {x["visit"] for x in last.rows(analysis="model", statistic="ls mean")} == {"m1", "m3", "m6"}


def test_covariates_enter_by_visit_unless_they_have_one_effect(small: Any) -> None:
    from armwise.stats.repeated.fitting import mmrm_wide

    points = small.drawn()
    people = small.people(["new" if i % 2 == 0 else "old" for i in range(len(points))])
    change = np.array(
        [[seen.get(v, np.nan) - seen["baseline"] for v in ("m1", "m3", "m6")] for seen in points.values()]
    )
    kept = ~np.isnan(change).all(axis=1)
    arm = np.array([p["arm"] == "new" for p in people], dtype=float)[kept]
    base = np.array([seen["baseline"] for seen in points.values()])[kept]
    age = np.array([p["age"] for p in people], dtype=float)[kept]
    for one_effect in ([], ["age"]):
        declared = {"covariates": ["baseline", "age"], "one_effect": one_effect}
        results = analyse(small.repeated(points, declared))
        crossed = {"arm": arm, "baseline": base} | ({} if one_effect else {"age": age})
        fit = mmrm_wide(change[kept], crossed, {"age": age} if one_effect else {}, visits=("m1", "m3", "m6"))
        for visit in ("m1", "m3", "m6"):
            expected = fit.beta[fit.design.columns.index(f"arm:{visit}")]
            found = only(results, statistic="mean difference", visit=visit)
            assert found["estimate"] == pytest.approx(expected, rel=1e-9)
        assert only(results, statistic="log likelihood")["estimate"] == pytest.approx(fit.loglik, rel=1e-12)


def test_categories_are_weighted_equally_or_as_observed(small: Any) -> None:
    found = {}
    for how in ("equal", "observed"):
        results = analyse(small.repeated(small.drawn(), {"ls_means": how}))
        row = only(results, statistic="ls mean", visit="m6", arm="new")
        found[how] = row["estimate"]
        assert ("weighted equally" in row["reason"]) == (how == "equal")
        assert only(results, statistic="mean difference", visit="m6")["reason"] == ""
    assert found["equal"] != pytest.approx(found["observed"], abs=1e-6)


def test_only_a_member_of_a_family_has_a_p(small: Any) -> None:
    declared = {"at": "m6", "role": "key-secondary"}
    families = {"first": ["model"], "main": ["main"]}
    results = analyse(small.repeated(small.drawn(), declared, families=families))
    row = only(results, statistic="mean difference")
    assert row["p"] is not None
    assert (row["p"] < 0.05) == (not row["lower"] <= 0 <= row["upper"])
    assert only(results, statistic="adjusted p")["p"] == row["p"]
    tested = {x["statistic"] for x in results.rows(analysis="model") if x["p"] is not None}
    assert tested == {"mean difference", "adjusted p"}
    assert all(x["p"] is None for x in analyse(small.repeated(small.drawn())).rows(analysis="model"))


def test_a_subgroup_is_the_same_model_among_some(small: Any) -> None:
    points = small.drawn(48)
    people = small.people(["new" if i % 2 == 0 else "old" for i in range(len(points))])
    declared = {"covariates": ["baseline"], "subgroups": ["sex"]}
    whole = analyse(small.repeated(points, declared, subgroups={"sex": {"covariate": "sex"}}))
    women = {p["subject"] for p in people if p["sex"] == "f"}
    for visit in ("m1", "m6"):
        row = whole.one(analysis="model", statistic="mean difference", visit=visit, subgroup="sex=f")
        assert row is not None
        assert row["n"] == len([s for s in women if len(points[s]) > 1])
        assert (row["role"], row["p"]) == ("exploratory", None)
        assert row["status"] == "ok"
    assert [x["subgroup"] for x in whole.rows(analysis="model", statistic="log likelihood")] == [None]


def test_the_unadjusted_difference_of_those_observed_stands_beside_it(small: Any) -> None:
    from armwise.stats import welch

    points = small.drawn()
    results = analyse(small.repeated(points))
    change = {
        arm: [
            s["m3"] - s["baseline"]
            for i, s in enumerate(points.values())
            if (i % 2 == 0) == (arm == "new") and "m3" in s
        ]
        for arm in ("new", "old")
    }
    found = results.one(analysis="model.unadjusted", statistic="mean difference", visit="m3")
    assert found is not None
    assert found["estimate"] == pytest.approx(welch(change["new"], change["old"]).estimate, rel=1e-9)
    assert (found["n_arm"], found["n_versus"]) == (len(change["new"]), len(change["old"]))
    assert only(results, statistic="n", visit="m3", arm="new")["estimate"] == len(change["new"])
    assert only(results, statistic="lord", visit="m3")["reason"] in ("agree", "differ")


def test_the_method_names_covariance_and_degrees_of_freedom(small: Any) -> None:
    declared = {"covariance": "compound-symmetry", "degrees_of_freedom": "satterthwaite"}
    results = analyse(small.repeated(small.drawn(), declared))
    assert (
        only(results, statistic="mean difference", visit="m1")["method"]
        == "MMRM, compound symmetry, Satterthwaite"
    )
    assert only(results, statistic="variance parameters")["estimate"] == 2
    correlations = {round(x["estimate"], 12) for x in results.rows(analysis="model", statistic="correlation")}
    assert len(correlations) == 1


def test_a_structure_of_distances_takes_the_days_of_the_visits(small: Any) -> None:
    declared = {"covariance": "spatial-exponential"}
    results = analyse(small.repeated(small.drawn(), declared))
    rho = {
        (x["visit"], x["item"]): x["estimate"]
        for x in results.rows(analysis="model", statistic="correlation")
    }
    assert rho["m3", "m6"] == pytest.approx(rho["m1", "m3"] ** (90 / 60), rel=1e-9)


def test_one_model_an_arm_has_its_own_covariance_and_its_difference_is_that_of_the_two_fits(
    small: Any,
) -> None:
    from armwise.analysis.compare import compare
    from armwise.derive.derived import derive
    from armwise.stats import mmrm_wide
    from armwise.stats.repeated.arm_models import arm_models_difference

    points = small.drawn(60)
    study = small.repeated(points, {"models": "per-arm", "covariates": ["baseline"], "at": ["m6"]})
    found = compare(derive(study), "model", study.protocol.analyses["model"]).rows
    (row,) = [
        r for r in found if r["versus"] and r["analysis"] == "model" and r["statistic"] == "mean difference"
    ]
    visits = ("m1", "m3", "m6")
    seen = {s: p for s, p in points.items() if any(v in p for v in visits)}
    y = np.array([[p.get(v, np.nan) - p["baseline"] for v in visits] for p in seen.values()])
    x = np.array([p["baseline"] for p in seen.values()])
    new = np.array([int(s[1:]) % 2 == 1 for s in seen])
    fits = [mmrm_wide(y[g], {"baseline": x[g]}, visits=visits) for g in (new, ~new)]
    expected = arm_models_difference(fits[0], fits[1], "m6", x[:, None])
    numbers = (expected.estimate, expected.se, expected.df, expected.lower, expected.upper)
    assert (row["estimate"], row["se"], row["df"], row["lower"], row["upper"]) == pytest.approx(
        numbers, rel=1e-9
    )
    assert row["method"] == "MMRM, unstructured, one model an arm, Kenward-Roger"
    spread = {
        r["arm"]: r["estimate"]
        for r in found
        if r["statistic"] == "sd" and r["visit"] == "m6" and r["method"] == row["method"]
    }
    assert spread["new"] == pytest.approx(float(np.sqrt(fits[0].sigma[0][2, 2])), rel=1e-6)
    assert spread["old"] == pytest.approx(float(np.sqrt(fits[1].sigma[0][2, 2])), rel=1e-6)

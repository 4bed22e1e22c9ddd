from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from formula_data import CONTROL, FIXTURES, KEYS, answers, at_sigma, trial

from armwise.errors import UsageError
from armwise.stats.repeated.contrasts import contrasts, joint_test
from armwise.stats.repeated.fitted import Mmrm
from armwise.stats.repeated.fitting import mmrm_wide
from armwise.stats.repeated.formula.by_formula import mmrm
from armwise.stats.repeated.formula.least_squares_means import LsEstimates, lsmeans


@pytest.fixture(scope="module")
def r() -> dict[str, Any]:
    found: dict[str, Any] = answers()["lsmeans"]
    return found


@pytest.fixture(scope="module")
def fit(r: dict[str, Any]) -> Mmrm:
    return at_sigma(r["formula"], r["sigma"])


def agrees(found: LsEstimates, expected: list[dict[str, Any]]) -> None:
    assert len(found) == len(expected)
    for row, other in zip(found.rows(), expected, strict=True):
        assert [row[name] for name in other if name in row and name != "estimate"] == [
            value for name, value in other.items() if name in row and name != "estimate"
        ]
        assert row["estimate"] == pytest.approx(other["estimate"], rel=1e-10)
        assert row["se"] == pytest.approx(other["SE"], rel=1e-10)
        assert row["estimable"] is True


def test_means_by_visit_are_those_of_emmeans(fit: Mmrm, r: dict[str, Any]) -> None:
    agrees(lsmeans(fit, "arm | visit"), r["by_visit"])
    agrees(lsmeans(fit, "arm", by="visit"), r["by_visit"])
    agrees(lsmeans(fit, ["arm", "visit"]), r["by_visit"])


def test_differences_by_visit_are_those_of_emmeans(fit: Mmrm, r: dict[str, Any]) -> None:
    agrees(lsmeans(fit, "arm | visit").pairs(reference="control"), r["by_visit_contrasts"])
    agrees(lsmeans(fit, ["arm", "visit"]).pairs(by="visit"), r["by_visit_contrasts"])


def test_observed_weights_are_emmeans_proportional_weights(fit: Mmrm, r: dict[str, Any]) -> None:
    agrees(lsmeans(fit, "arm | visit", weights="observed"), r["observed"])


def test_every_pair_of_three_levels_is_the_later_minus_the_earlier(fit: Mmrm, r: dict[str, Any]) -> None:
    agrees(lsmeans(fit, "site"), r["sites"])
    agrees(lsmeans(fit, "site").pairs(), r["site_pairs"])
    agrees(lsmeans(fit, "arm:gender"), r["two"])


def test_means_at_given_values_are_those_of_emmeans(fit: Mmrm, r: dict[str, Any]) -> None:
    agrees(lsmeans(fit, "arm | visit", at={"age": 40, "gender": "M"}), r["at"])
    agrees(lsmeans(fit, "arm", at={"visit": ["m6", "m12"]}).pairs(reference="control"), r["late"])


def test_differences_averaged_over_visits_are_those_of_means_averaged_over_visits(
    fit: Mmrm, r: dict[str, Any]
) -> None:
    by_visit = lsmeans(fit, "arm | visit")
    agrees(by_visit.pairs(reference="control").average("visit"), r["averaged"])
    agrees(by_visit.average("visit").pairs(reference="control"), r["averaged"])
    agrees(by_visit.pairs(reference="control").average("visit", {"m6": 1, "m12": 1}), r["late"])
    agrees(by_visit.pairs(reference="control").average("visit", [0, 0, 2, 2]), r["late"])


@pytest.mark.parametrize("name", ["trial_60x4", "registry_300x5"])
def test_means_and_differences_at_mmrms_covariance_have_its_digits(name: str) -> None:
    data = pd.read_csv(FIXTURES / f"{name}.csv")
    entry = json.loads((FIXTURES / f"mmrm_{name}.json").read_text())["fits"][0]
    assert (entry["covariance"], entry["method"], entry["reml"]) == ("us", "Satterthwaite", True)
    fit = at_sigma(
        "odi ~ arm * visit + baseline * visit + age + gender",
        entry["V"],
        data,
        df="kenward-roger-log-cholesky",
    )  # whose degrees of freedom of one contrast are Satterthwaite's, in mmrm's parametrisation
    plain = at_sigma("odi ~ arm * visit + baseline * visit + age + gender", entry["V"], data)
    for found, se, expected in (
        (lsmeans(fit, "arm | visit"), lsmeans(plain, "arm | visit"), entry["lsmeans"]),
        (
            lsmeans(fit, "arm | visit").pairs(reference="control"),
            lsmeans(plain, "arm | visit").pairs(reference="control"),
            entry["contrasts"],
        ),
    ):
        visit = found.names.index("visit")
        assert [labels[visit] for labels in found.levels] == expected["visit"]
        assert found.result.estimate == pytest.approx(np.array(expected["estimate"]), rel=1e-10)
        assert se.result.se == pytest.approx(np.array(expected["se"]), rel=1e-11)
        assert found.result.df == pytest.approx(np.array(expected["df"]), rel=1e-9)


def test_lsmeans_do_not_depend_on_the_coding_of_the_fit(fit: Mmrm, r: dict[str, Any]) -> None:
    factors = "C(arm, contr.sum) * C(visit, contr.helmert) * gender"
    other = at_sigma(f"odi ~ {factors} + center(baseline) * visit + poly(age, 2) + site", r["sigma"])
    one, two = lsmeans(fit, "arm | visit"), lsmeans(other, "arm | visit")
    assert two.result.estimate == pytest.approx(one.result.estimate, rel=1e-10)
    assert two.result.se == pytest.approx(one.result.se, rel=1e-10)


def test_the_intervals_and_degrees_of_freedom_are_those_of_contrasts(fit: Mmrm) -> None:
    found = lsmeans(fit, "arm | visit", conf_level=0.9).pairs(reference="control")
    expected = contrasts(fit, found.L, conf_level=0.9)
    for name in ("estimate", "se", "df", "p", "lower", "upper"):
        assert np.array_equal(getattr(found.result, name), getattr(expected, name))
    assert found.joint() == joint_test(fit, found.L)


def test_the_overall_mean_is_the_mean_of_the_arms_means(fit: Mmrm) -> None:
    overall, arms = lsmeans(fit, "1"), lsmeans(fit, "arm")
    assert overall.names == ()
    assert overall.result.estimate[0] == pytest.approx(arms.result.estimate.mean(), rel=1e-12)
    by_visit = lsmeans(fit, "1 | visit")
    assert by_visit.levels == (("m1",), ("m3",), ("m6",), ("m12",))


def test_means_that_the_data_do_not_determine_are_marked_and_those_that_they_do_are_given() -> None:
    data = trial()
    data.loc[(data["arm"] == "bmc") & (data["site"] == "c"), "odi"] = np.nan
    fit = mmrm("odi ~ arm * site + visit", data, **KEYS, reference=CONTROL, covariance="cs")
    means = lsmeans(fit, "arm | site")
    assert [row["estimable"] for row in means.rows()] == [True, True, True, True, True, False]
    assert np.isnan(means.row(arm="bmc", site="c")["se"])
    assert [row["estimable"] for row in means.pairs().rows()] == [True, True, False]
    assert not lsmeans(fit, "arm").pairs().rows()[0]["estimable"]
    assert means.pairs().average("site", {"a": 1, "b": 1}).rows()[0]["estimable"]


def test_a_fit_from_arrays_is_refused_with_what_to_do() -> None:
    rng = np.random.default_rng(4)
    fit = mmrm_wide(rng.normal(size=(20, 2)), {"arm": np.repeat([0, 1], 10)})
    with pytest.raises(UsageError, match=r"make rows with fit\.design\.row\(visit, values\)"):
        lsmeans(fit, "arm")


def test_names_levels_and_weights_that_do_not_exist_are_refused(fit: Mmrm) -> None:
    means = lsmeans(fit, "arm | visit")
    for call, message in (
        (lambda: lsmeans(fit, "dose"), "no variable 'dose'"),
        (lambda: means.pairs(reference="sham"), "reference is 'sham'; expected one of control, bmc"),
        (lambda: means.pairs(by="site"), "rows are not labelled by site"),
        (lambda: means.pairs(by=["arm", "visit"]), "leave out the one to compare"),
        (lambda: means.average("site"), "rows are not labelled by site"),
        (lambda: means.average("visit", {"m24": 1}), "weights name m24"),
        (lambda: means.average("visit", [1, 2]), "2 weights for 4 levels of 'visit'"),
        (lambda: means.average("visit", {"m1": 1, "m3": -1}), "sum to 0"),
        (lambda: means.average("visit", {"m1": np.inf}), "sum to inf; expected a positive sum"),
        (
            lambda: means.average("visit", {"m1": "all"}),
            "weights over 'visit' are .*; expected numbers, by level or in",
        ),
        (lambda: means.average("visit", 2), "weights over 'visit' are 2; expected numbers"),  # type: ignore[arg-type]
        (lambda: means.pairs(by=2), "2 names no variables; expected a name or a list of them"),  # type: ignore[arg-type]
        (lambda: lsmeans(fit, None), "None names no variables"),  # type: ignore[arg-type]
        (lambda: lsmeans(fit, [["arm"]]), r"has no variable \['arm'\]"),  # type: ignore[list-item]
        (lambda: means.row(arm="bmc"), "4 rows are labelled"),
    ):
        with pytest.raises(UsageError, match=message):
            call()


def test_the_table_of_means_is_a_frame_with_a_row_each(fit: Mmrm) -> None:
    frame = lsmeans(fit, "arm | visit").to_polars()
    assert frame.columns == ["arm", "visit", "estimate", "se", "df", "lower", "upper", "t", "p", "estimable"]
    assert frame["visit"].to_list() == ["m1", "m1", "m3", "m3", "m6", "m6", "m12", "m12"]


def test_what_the_means_are_averaged_over_is_said_in_words(fit: Mmrm) -> None:
    words = lsmeans(fit, "arm | visit", at={"age": 40}).pairs().average("visit").averaged
    assert words.startswith(
        "equal weights over factors; covariates at their means over the analysed rows: baseline "
    )
    assert words.endswith("; at age 40; over visit: equal weights")


def test_a_result_shows_itself_as_a_table(fit: Mmrm) -> None:
    lines = repr(lsmeans(fit, "arm | visit").pairs(reference="control")).splitlines()
    assert lines[0].split() == [
        "contrast",
        "visit",
        "estimate",
        "se",
        "df",
        "lower",
        "upper",
        "t",
        "p",
        "estimable",
    ]
    assert lines[1].split()[:6] == ["bmc", "-", "control", "m1", "-10.697", "3.9603"]
    assert lines[-1].startswith("equal weights over factors; ")
    assert lines[-1].endswith("; 95 % intervals")

"""LS means of a model of all visits, and the differences on the same axis."""

from __future__ import annotations

import re
from typing import Any

import pytest

from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.report.figures import ls_means
from armwise.report.numbers import number


@pytest.fixture(scope="module")
def results(small: Any) -> Results:
    return analyse(small.repeated(small.drawn(), {"at": ["m3", "m6"]}))


@pytest.mark.parametrize("width", [350, 720])
def test_every_mean_difference_and_number_observed_has_its_mark(results: Results, width: int) -> None:
    drawing = ls_means(results, "model", better="lower", mid=10, width=width)
    sizes = {
        "ls mean": 6,
        "mean difference": 2,
        "n": 6,
    }  # the means of all visits, the differences of those compared
    for statistic, size in sizes.items():
        rows = results.rows(analysis="model", statistic=statistic, subgroup=None)
        assert len(rows) == size
        assert [r["key"] for r in rows if f'data-row="{r["id"]}"' not in drawing] == []


def test_the_words_say_adjusted_change_and_patients_observed(results: Results) -> None:
    drawing = ls_means(results, "model", better="lower")
    said = " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", drawing))
    assert "Adjusted mean change in points (95% CI); lower is better" in said
    assert "Adjusted difference in change from Old (95% CI); below zero favours New" in said
    assert "Patients observed" in said
    assert "Patients with a score" not in said
    last = results.one(analysis="model", statistic="ls mean", visit="m6", arm="old")
    assert last is not None
    assert f"{number(last['estimate'], 1)} at m6" in said


def test_the_baseline_has_no_place_on_the_axis(results: Results) -> None:
    drawing = ls_means(results, "model", better="lower")
    assert "baseline" not in drawing


def test_what_could_not_be_estimated_is_said_in_words(small: Any) -> None:
    points = {
        s: {**seen, **({"m6": seen["m3"]} if "m3" in seen else {})} for s, seen in small.drawn(gone=0).items()
    }
    drawing = ls_means(analyse(small.repeated(points, {"fallback": "none"})), "model", better="lower")
    said = " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", drawing))
    assert "not estimable at m1, m3 and m6" in said
    assert "was a visit entered twice" in said


def test_without_covariates_no_mean_and_no_difference_is_called_adjusted(small: Any) -> None:
    results = analyse(small.repeated(small.drawn(), {"adjust": "none", "covariates": []}))
    drawing = ls_means(results, "model", better="lower")
    assert "djusted" not in drawing
    said = " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", drawing))
    assert "Mean change in points, from the model (95% CI); lower is better" in said
    assert "Difference in change from Old (95% CI)" in said


def test_too_few_patients_are_said_once_an_arm(small: Any) -> None:
    results = analyse(small.repeated(small.drawn()))
    rows = results.table.to_dicts()
    for i, row in enumerate(rows):
        if row["statistic"] in ("ls mean", "mean difference") and row["analysis"] == "model":
            row |= {"status": "not estimable", "estimate": None, "lower": None, "upper": None}
            row["reason"] = f"too few patients: 0.{i % 9 + 1} degrees of freedom"
    table = type(results.table)(rows, schema=results.table.schema)
    drawing = ls_means(
        Results(table, results.protocol, "", manifest=results.manifest), "model", better="lower"
    )
    assert drawing.count("not estimable at m1, m3 and m6: too few patients<") == 3

"""Which rows a figure draws."""

from __future__ import annotations

import pytest

from armwise.analysis.results import row
from armwise.report.figures import selection


def test_a_comparison_is_the_row_of_the_method_that_the_protocol_declares(make_results, changed):
    results = make_results()
    about = {"analysis": "primary", "endpoint": "primary", "visit": "m12", "arm": "bmc", "versus": "control"}
    results = changed(
        results, add=[row("risk ratio", 2.0, **about), row("number needed to treat", 2.4, **about)]
    )
    assert selection.comparisons(results, "primary")["bmc"]["m12"]["statistic"] == "risk difference"


def test_every_method_of_the_protocol_has_its_statistic():
    from armwise.protocol.model import METHODS

    assert set(selection.COMPARES) == set(METHODS)


def test_analyses_that_support_another_one_are_not_the_course_of_an_endpoint(make_results):
    protocol = make_results().protocol
    assert selection.analyses_of(make_results(), "primary") == ("primary", "responders_course")
    assert protocol.analyses["nonresponse"].endpoint == "primary"


@pytest.mark.parametrize(
    ("lower", "upper", "clear"),
    [(1, 2, True), (-2, -1, True), (-1, 1, False), (0, 1, False), (None, None, False)],
)
def test_an_interval_excludes_no_effect_only_when_it_lies_wholly_on_one_side(lower, upper, clear):
    assert selection.excludes_no_effect(row("mean difference", 0.5, lower=lower, upper=upper)) is clear


def test_no_effect_of_a_ratio_is_one():
    assert not selection.excludes_no_effect(row("risk ratio", 2.0, lower=0.5, upper=3.0))
    assert selection.excludes_no_effect(row("risk ratio", 2.0, lower=1.1, upper=3.0))


@pytest.mark.parametrize(
    ("parts", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_a_list_reads_as_a_sentence(parts, text):
    assert selection.sentence_list(parts) == text

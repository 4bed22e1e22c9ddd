"""What a line of a forest is called."""

from __future__ import annotations

from armwise.analysis.results import row
from armwise.report.figures.forest import note, statistic_words


def made(statistic="risk difference", **more):
    return row(statistic, 0.2, analysis="a", arm="b", **more)


def test_patients_are_counted_by_arm_where_the_row_does():
    assert note("", made(n=72, n_arm=37, n_versus=35)) == "37\u00a0+\u00a035\u00a0patients"
    assert note("", made(n=72)) == "72\u00a0patients"
    assert note("", made(n=1)) == "1\u00a0patient"


def test_what_the_name_says_is_not_said_twice():
    assert note("Worst case", made(n=72), "worst case") == "72\u00a0patients"


def test_another_statistic_than_that_of_the_head_is_named():
    assert note("x", made("mean difference"), statistic="shift") == "x, mean difference"
    assert note("x", made("shift"), statistic="mean difference") == "x, median difference"
    assert note("x", made("shift"), statistic="shift") == "x"


def test_what_cannot_be_estimated_gives_its_reason():
    gone = row("shift", None, analysis="a", arm="b", status="not estimable", reason="nobody")
    assert note("x", gone) == "nobody"
    assert note("x", None) == "the results hold no row of it"


def test_a_ratio_has_its_own_name():
    assert (
        statistic_words("odds ratio") == "odds ratio" and statistic_words("risk difference") == "difference"
    )

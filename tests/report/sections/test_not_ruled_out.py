"""What none of an arm had: the limits of 0 of n, of the side that is named, and of what is known alone."""

from __future__ import annotations

import re
from typing import Any

import pytest

from armwise.analysis.results import Results, table
from armwise.analysis.safety import safety
from armwise.derive.derived import derive
from armwise.report.sections.not_ruled_out import TWO_SIDED, limit_of_none, none_had, upper_of
from armwise.report.words import Words

ITEMS = {
    "date": {"type": "date"},
    "term": {"type": "text"},
    "serious": {"type": "choice", "choices": ["yes", "no"]},
}


@pytest.fixture(scope="module")
def run(small: Any) -> Any:
    def made(serious: list[str | None], arms: tuple[int, int] = (40, 40), **safety_: Any) -> Results:
        """Events of the first patients of the new arm, serious or not."""
        people = small.people(["new"] * arms[0] + ["old"] * arms[1])
        events = [
            {"subject": f"p{i + 1}", "date": people[0]["enrolled"], "term": "fall", "serious": s}
            for i, s in enumerate(serious)
        ]
        form = {"keys": ["subject", "date", "term"], "items": ITEMS}
        study = small.study(
            {"subjects": people, "adverse_events": events},
            forms={**small.protocol["forms"], "adverse_events": form},
            safety={"serious": "serious", **safety_},
        )
        manifest = {"scores": {}}
        return Results(table(safety(derive(study))), study.protocol, "", manifest=manifest)

    return made


def said(results: Results) -> list[str]:
    return [re.sub(r"<[^>]+>", "", str(part)) for part in none_had(results, Words.of(results))]


def test_0_of_40_leaves_8_8_per_cent_on_two_sides_and_7_2_on_one(run: Any) -> None:
    results = run(["no"])
    limit = limit_of_none(results, "new", TWO_SIDED)
    assert limit is not None
    assert re.sub(r"<[^>]+>", "", str(upper_of(limit))) == "8.8%"
    tail = (
        " 0 of 40 does not rule out a risk of 8.8% (upper limit of the two-sided 95% CI; on one side 7.2%; by the rule"
        " of three 7.5%): what is rarer than that may well have been missed."
    )
    assert said(results) == [
        f"None of 40 patients with new had a serious event.{tail}",
        f"None of 40 patients with old had an adverse event or a serious event.{tail}",
    ]


def test_arms_of_different_size_have_their_own_limits(run: Any) -> None:
    first, second = said(run(["no"], arms=(40, 20)))
    assert "0 of 40 does not rule out a risk of 8.8%" in first
    assert "0 of 20 does not rule out a risk of 16.8%" in second


def test_what_was_seen_or_may_have_been_is_not_said_to_be_nobody_s(run: Any) -> None:
    for unsure in (["yes"], [None], ["no", None]):
        first = said(run(unsure))[0]
        assert first.startswith("Watched: 40 patients with new. 0 of 40 does not rule out")


def test_the_rule_of_three_is_that_of_95_per_cent(run: Any) -> None:
    assert "two-sided 90% CI; on one side 5.6%): what is rarer" in said(run(["no"], conf_level=0.9))[0]

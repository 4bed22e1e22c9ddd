"""Participant flow."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from armwise.report.figures import flow

SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str) -> list[str]:
    return [(t.text or "").replace("\u00a0", " ") for t in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("width", [720, 350])
def test_every_count_of_the_flow_is_drawn(make_results, long_arms, width):
    for results in (make_results(), make_results(arms=long_arms)):
        svg = flow(results, width=width)
        assert all(f'data-row="{row["id"]}"' in svg for row in results.rows(analysis="flow"))


def test_losses_stand_between_the_visit_before_and_the_first_one_missed(make_results):
    results = make_results()
    y = {
        element.get("data-row"): float(element.attrib["y"])
        for element in ET.fromstring(flow(results)).iter(f"{SVG}text")
    }

    def at(**where: str) -> float:
        return y[results.rows(analysis="flow", **where)[0]["id"]]

    lost = at(category="off study", arm="bmc", visit="m3") if results.rows(
        analysis="flow", category="off study", arm="bmc", visit="m3"
    ) else at(category="off study", arm="control", visit="m3")  # fmt: skip
    arm = "bmc" if results.rows(analysis="flow", category="off study", arm="bmc", visit="m3") else "control"
    assert at(category="assessed", arm=arm, visit="m1") < lost < at(category="assessed", arm=arm, visit="m3")


def test_what_belongs_to_one_visit_stands_on_one_level_in_all_arms(make_results):
    results = make_results()
    svg = ET.fromstring(flow(results))
    y = {element.get("data-row"): element.get("y") for element in svg.iter(f"{SVG}text")}
    for visit in results.protocol.visits:
        assert len({y[row["id"]] for row in results.rows(category="assessed", visit=visit)}) == 1


def test_a_study_without_screening_starts_at_enrolment_and_says_so(make_results, changed):
    results = changed(make_results(), drop=lambda r: r["category"] in ("screened", "not enrolled"))
    said = words(flow(results))
    assert said[0] == "Enrolled: 80" and "Nobody was counted before enrolment" in said


def test_a_chosen_treatment_is_said_to_be_chosen(make_results):
    assert "Treatment chosen, not randomised; open label" in words(flow(make_results()))


def test_arms_that_do_not_fit_side_by_side_stand_below_each_other(make_results, long_arms):
    results = make_results(arms=long_arms)
    heights = {w: float(ET.fromstring(flow(results, width=w)).attrib["height"]) for w in (720, 350)}
    assert heights[350] > 2 * heights[720]


def test_a_loss_without_a_reason_is_still_drawn(make_results, changed):
    from armwise.analysis.results import row

    lost = row("count", 2, analysis="flow", category="off study", arm="bmc", visit="m12")
    assert "Left the study: 2" in words(flow(changed(make_results(), add=[lost])))

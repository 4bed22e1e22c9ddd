"""Participant flow."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET

import pytest

from armwise.analysis.results import row, table
from armwise.protocol.plan import AnalysisSet
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


def test_a_treatment_is_said_to_be_chosen_only_where_the_protocol_says_so(make_results):
    results = make_results()
    assert "Arms chosen, not randomised; open label" in words(flow(results))
    study = results.protocol.study.model_copy(update={"allocated_by": "unstated"})
    protocol = results.protocol.model_copy(update={"study": study})
    said = words(flow(dataclasses.replace(results, protocol=protocol)))
    assert "Arms not randomised; open label" in said


def test_arms_that_do_not_fit_side_by_side_stand_below_each_other(make_results, long_arms):
    results = make_results(arms=long_arms)
    heights = {w: float(ET.fromstring(flow(results, width=w)).attrib["height"]) for w in (720, 350)}
    assert heights[350] > 2 * heights[720]


def test_a_loss_without_a_reason_is_still_drawn(make_results, changed):
    from armwise.analysis.results import row

    lost = row("count", 2, analysis="flow", category="off study", arm="bmc", visit="m12")
    assert "Left the study: 2" in words(flow(changed(make_results(), add=[lost])))


def filled(results, rule, keep_missing=False):
    """The results under a rule for missing answers; nobody is left out for a missing outcome, unless said otherwise."""
    analyses = dict(results.protocol.analyses)
    analyses["primary"] = analyses["primary"].model_copy(update={"missing": rule})
    rows = [
        r for r in results.rows() if keep_missing or not (r["category"] or "").startswith("outcome missing")
    ]
    protocol = results.protocol.model_copy(update={"analyses": analyses})
    return dataclasses.replace(results, table=table(rows), protocol=protocol)


@pytest.mark.parametrize("width", [720, 350])
def test_who_is_not_analysed_is_said_by_reason_before_the_analysis(make_results, width):
    results = make_results()
    root = ET.fromstring(flow(results, width=width))
    y = {t.get("data-row"): float(t.attrib["y"]) for t in root.iter(f"{SVG}text")}
    for arm in results.protocol.arms:
        seen = results.one(analysis="flow", category="assessed", arm=arm, visit="m12")
        used = results.one(analysis="flow", category="analysed", arm=arm)
        left = results.rows(analysis="primary", statistic="excluded", arm=arm)
        assert len(left) == 2
        assert all(y[seen["id"]] < y[row["id"]] < y[used["id"]] for row in left)


def test_a_reason_is_said_without_names_of_the_protocol(make_results):
    said = words(flow(make_results()))
    assert said.count("Of those allocated, outcome missing: 2") == 2
    assert said.count("Of those allocated, body mass index missing: 1") == 2


@pytest.mark.parametrize(
    ("rule", "in_the_arm", "in_the_reference"),
    [
        ("non-response", "Counted as no response: 2", "Counted as no response: 2"),
        ("worst-case", "Counted as no response: 2", "Counted as a response: 2"),
        ("locf", "Carried forward: 2", "Carried forward: 2"),
    ],
)
def test_outcomes_that_a_rule_filled_are_counted_where_it_does(
    make_results, rule, in_the_arm, in_the_reference
):
    results = filled(make_results(), rule)
    texts = ET.fromstring(flow(results)).iter(f"{SVG}text")
    drawn = {t.get("data-row"): (t.text or "").replace("\u00a0", " ") for t in texts}
    for arm, expected in (("bmc", in_the_arm), ("control", in_the_reference)):
        row = results.one(analysis="primary", statistic="missing outcomes", arm=arm)
        assert drawn[row["id"]] == expected


def test_complete_cases_fill_nothing(make_results):
    said = words(flow(make_results()))
    assert said and not [text for text in said if text.startswith(("Counted", "Carried"))]


def test_what_could_not_be_carried_forward_is_not_said_to_be(make_results):
    said = " ".join(words(flow(filled(make_results(), "locf", keep_missing=True))))
    assert said.count("Outcome missing, carried forward where there is an earlier answer: 2") == 2


def test_who_is_not_in_the_analysis_set_is_said_by_its_label(make_results, changed):
    results = make_results()
    where = AnalysisSet(label="Efficacy population", where={"subjects.efficacy": "Y"})
    protocol = results.protocol.model_copy(update={"analysis_sets": {"eff": where}})
    about = {"analysis": "primary", "endpoint": "primary", "visit": "m12", "arm": "bmc"}
    left = row("excluded", 7, category="not in the set eff: subjects.efficacy is not Y", **about)
    results = dataclasses.replace(changed(results, add=[left]), protocol=protocol)
    assert "Of those allocated, not in the efficacy population: 7" in words(flow(results))


def test_who_was_never_seen_is_not_said_to_lack_one_outcome(small):
    """A model of all visits leaves out only those without any: one visit missing is another thing."""
    from armwise.analysis.run import analyse

    points = small.drawn(gone=0.0)
    points["p2"] = {"baseline": points["p2"]["baseline"]}
    points["p3"] = {v: points["p3"][v] for v in ("baseline", "m1")}
    main = {**small.model, "at": "m6", "role": "primary"}
    results = analyse(small.repeated(points, {"role": "exploratory"}, analyses={"main": main}))
    said = words(flow(results))
    assert said.count("Of those allocated, no outcome at any visit: 1") == 1
    assert "Of those allocated, outcome missing" not in said

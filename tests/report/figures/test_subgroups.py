"""One comparison within each subgroup."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET

import pytest

from armwise.report.figures import subgroups

SVG = "{http://www.w3.org/2000/svg}"


def draw(results, width=720, better="lower") -> ET.Element:
    return ET.fromstring(subgroups(results, "odi", "m12", better=better, width=width))


def said(root: ET.Element) -> list[str]:
    return [(t.text or "").replace("\u00a0", " ") for t in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("width", [720, 350])
def test_all_patients_lead_and_the_subgroups_follow_in_the_order_of_the_protocol(make_results, width):
    words = said(draw(make_results(), width))
    wanted = ["All patients", "Age", "Under 60 years", "60 years or more", "Gender", "Female", "Male"]
    assert [words.index(name) for name in wanted] == sorted(words.index(name) for name in wanted)
    assert words.count("19 + 17 patients") == 4 and words.count("37 + 35 patients") == 1


@pytest.mark.parametrize("width", [720, 350])
def test_every_row_within_a_subgroup_is_drawn_once(make_results, width):
    results = make_results()
    root = draw(results, width)
    drawn = [p.get("data-row") for p in root.iter(f"{SVG}path") if p.get("data-row")]
    rows = [r for r in results.rows(statistic="mean difference", analysis="odi") if r["visit"] == "m12"]
    assert len(rows) == 5 and sorted(drawn) == sorted(r["id"] for r in rows)


def test_the_estimate_of_all_patients_is_a_dotted_line_through_its_diamond(make_results):
    results = make_results()
    root = draw(results)
    dotted = [line for line in root.iter(f"{SVG}line") if line.get("stroke-dasharray") == "2 3"]
    overall = results.one(analysis="odi", statistic="mean difference", subgroup=None)
    path = next(p for p in root.iter(f"{SVG}path") if p.get("data-row") == overall["id"])
    x = [float(v) for v in re.findall(r"-?[\d.]+", path.attrib["d"])][::2]
    assert len(dotted) == 1
    assert float(dotted[0].attrib["x1"]) == pytest.approx((min(x) + max(x)) / 2, abs=0.1)


def test_a_subgroup_that_is_not_estimable_is_shown_with_its_reason(make_results):
    words = said(draw(make_results(broken=True, arms={"a": ("Arm A", "A"), "b": ("Arm B", "B")})))
    assert "too few patients" in words and "not estimable" in words


def test_who_is_in_no_category_is_counted_below(make_results):
    assert "Age not recorded, BMC: 1" in said(draw(make_results()))


def test_the_description_counts_no_subgroup_as_significant(make_results):
    described = draw(make_results()).findtext(f"{SVG}desc") or ""
    assert "Male: " in described and "exclude" not in described


def test_each_arm_has_its_own_dotted_line(make_results, long_arms):
    root = draw(make_results(arms=long_arms))
    dotted = {line.get("x1") for line in root.iter(f"{SVG}line") if line.get("stroke-dasharray") == "2 3"}
    assert len(dotted) == 3


def test_without_an_estimate_of_all_patients_the_subgroups_still_stand(make_results, changed):
    results = make_results()
    gone = results.one(analysis="odi", statistic="mean difference", subgroup=None)
    root = draw(changed(results, drop=lambda r: r["id"] == gone["id"]))
    assert "the results hold no row of it" in said(root)
    assert not [line for line in root.iter(f"{SVG}line") if line.get("stroke-dasharray") == "2 3"]


def test_a_label_of_the_protocol_names_the_subgroup(make_results):
    results = make_results()
    named = {k: s.model_copy(update={"label": f"by {k}"}) for k, s in results.protocol.subgroups.items()}
    protocol = results.protocol.model_copy(update={"subgroups": named})
    assert {"By age", "By gender"} <= set(said(draw(dataclasses.replace(results, protocol=protocol))))

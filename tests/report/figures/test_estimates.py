"""The primary estimate under every analysis."""

from __future__ import annotations

import dataclasses
import math
import re
import xml.etree.ElementTree as ET

import pytest

from armwise.analysis.results import row
from armwise.protocol.plan import Margin
from armwise.report.figures import estimates

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[ET.Element]:
    return list(ET.fromstring(svg).iter(f"{SVG}text"))


def middle(path: ET.Element) -> tuple[float, float]:
    values = [float(v) for v in re.findall(r"-?[\d.]+", path.attrib["d"])]
    return (min(values[::2]) + max(values[::2])) / 2, (min(values[1::2]) + max(values[1::2])) / 2


def marks(svg: str) -> list[ET.Element]:
    return [p for p in ET.fromstring(svg).iter(f"{SVG}path") if "data-row" in p.attrib]


@pytest.mark.parametrize("width", [720, 350])
def test_the_primary_comes_first_in_bold_and_as_a_filled_blue_diamond(make_results, width):
    svg = estimates(make_results(), width=width)
    named = [t.text for t in texts(svg)]
    order = ["Overlap-weighted", "Unadjusted", "Missing answers count as no response", "Worst case"]
    assert [named.index(name) for name in order] == sorted(named.index(name) for name in order)
    first = next(t for t in texts(svg) if t.text == "Overlap-weighted")
    assert first.get("font-weight") == "600"
    assert [m.get("fill") for m in marks(svg)] == ["#0f4c81", *["#fff"] * 7]


@pytest.mark.parametrize("width", [720, 350])
def test_each_mark_stands_at_its_value_on_the_axis(make_results, width):
    results = make_results()
    svg = estimates(results, width=width)
    at = {t.text: float(t.attrib["x"]) for t in texts(svg) if t.get("text-anchor") == "middle"}
    rows = {r["id"]: r for r in results.rows()}
    assert len(marks(svg)) == 8
    for mark in marks(svg):
        value = rows[mark.attrib["data-row"]]["estimate"] * 100
        expected = at["0"] + value / 80 * (at["80"] - at["0"])
        assert middle(mark)[0] == pytest.approx(expected, abs=0.15)


def test_each_direction_says_whom_it_favours(make_results):
    results = make_results()
    assert "favours BMC →" in estimates(results)
    lower_is_better = estimates(results, "odi", better="lower")
    assert "← favours BMC" in lower_is_better and "favours BMC →" not in lower_is_better
    assert "favours Control" in estimates(results, "odi", better="higher")


def test_a_responder_endpoint_improves_upwards_whatever_is_said(make_results):
    assert "favours BMC →" in estimates(make_results(), better="lower")


def test_a_declared_analysis_without_a_row_is_shown_as_not_estimable(make_results, changed):
    results = changed(make_results(), drop=lambda r: r["analysis"] == "worst_case")
    svg = estimates(results)
    assert "Worst case" in svg and "not estimable" in svg and len(marks(svg)) == 7


def test_the_reason_stands_under_what_is_not_estimable(make_results):
    assert "no patient of the reference arm" in estimates(make_results(broken=True))


def test_a_very_wide_interval_is_cut_with_an_arrow_and_squeezes_nothing(make_results, changed):
    results = make_results()
    about = results.rows(analysis="odi.unadjusted", statistic="mean difference")[0]
    wide = {
        name: about[name]
        for name in ("analysis", "endpoint", "visit", "arm", "versus", "method", "unit", "n")
    }
    extreme = row("mean difference", -12.0, lower=-5000.0, upper=5000.0, conf_level=0.95, **wide)
    svg = estimates(
        changed(results, drop=lambda r: r["id"] == about["id"], add=[extreme]), "odi", better="lower"
    )
    arrows = [p for p in ET.fromstring(svg).iter(f"{SVG}path") if p.get("fill") == "none"]
    assert len(arrows) == 2
    assert "−12 (−5000 to 5000)" in svg or "−12.0 (−5000.0 to 5000.0)" in svg


def test_ratios_stand_on_a_logarithmic_axis_around_one(make_results, changed):
    results = make_results()
    protocol = results.protocol
    ratio = protocol.analyses["primary"].model_copy(update={"method": "risk-ratio"})
    results = changed(results)
    object.__setattr__(results, "protocol", protocol.model_copy(update={"analyses": {"primary": ratio}}))
    about = {
        "analysis": "primary",
        "endpoint": "primary",
        "visit": "m12",
        "arm": "bmc",
        "versus": "control",
        "n": 72,
    }
    added = [row("risk ratio", 2.0, lower=0.5, upper=math.inf, conf_level=0.95, method="log", **about)]
    svg = estimates(changed(results, add=added))
    at = {t.text: float(t.attrib["x"]) for t in texts(svg) if t.get("text-anchor") == "middle"}
    one = at["1.0"]
    assert at["no difference"] == pytest.approx(one)
    assert middle(marks(svg)[0])[0] - one == pytest.approx(one - at["0.5"], abs=0.2)
    assert "∞" in svg


def test_the_description_counts_the_intervals_that_exclude_no_difference(make_results):
    assert "8 of 8 intervals exclude no difference." in estimates(make_results())


def test_several_comparisons_are_headed_by_their_arms(make_results, long_arms):
    svg = estimates(make_results(arms=long_arms))
    said = " ".join(t.text or "" for t in texts(svg))
    assert said.count("against Placebo transdermal patch") == 3
    assert len(marks(svg)) == 24


def test_another_measure_is_named_and_not_drawn_on_the_axis_of_the_first(make_results, changed):
    results = make_results()
    protocol = results.protocol
    analyses = dict(protocol.analyses)
    analyses["worst_case"] = analyses["worst_case"].model_copy(update={"method": "risk-ratio"})
    about = {
        "analysis": "worst_case",
        "endpoint": "primary",
        "visit": "m12",
        "arm": "bmc",
        "versus": "control",
        "n": 72,
    }
    added = row("risk ratio", 2.0, lower=1.1, upper=3.5, conf_level=0.95, method="log", **about)
    results = changed(results, drop=lambda r: r["analysis"] == "worst_case", add=[added])
    object.__setattr__(results, "protocol", protocol.model_copy(update={"analyses": analyses}))
    for width in (720, 350):
        svg = estimates(results, width=width)
        assert "risk ratio 2.00 (1.10 to 3.50)" in svg
        assert added["id"] not in {m.attrib["data-row"] for m in marks(svg)}


def with_analysis(results, name, **update):
    """The results under a protocol that declares one analysis otherwise."""
    analyses = dict(results.protocol.analyses)
    analyses[name] = analyses[name].model_copy(update=update)
    return dataclasses.replace(results, protocol=results.protocol.model_copy(update={"analyses": analyses}))


def said(svg: str) -> list[str]:
    return [(t.text or "").replace("\u00a0", " ") for t in texts(svg)]


def test_the_unadjusted_estimate_names_the_rule_that_filled_missing_answers(make_results):
    results = make_results()
    filled = said(estimates(with_analysis(results, "primary", missing="non-response")))
    assert "Unadjusted missing answers count as no response, 37 + 35 patients" in " ".join(
        text for text in filled if not re.search(r"\(", text)
    )
    for words in (filled, said(estimates(results))):
        assert not any("as observed" in text for text in words)


def test_patients_are_counted_in_both_arms_of_every_line(make_results):
    counts = [text for text in said(estimates(make_results())) if text.endswith("patients")]
    assert len(counts) == 8 and all(text.endswith("37 + 35 patients") for text in counts)


def test_another_statistic_on_the_same_axis_is_named(make_results, changed):
    results = make_results()
    analysis = results.protocol.analyses["odi"]
    crude = results.one(analysis="odi.unadjusted", statistic="mean difference")
    main = results.one(analysis="odi", statistic="mean difference", subgroup=None)
    fields = (
        "analysis",
        "endpoint",
        "visit",
        "arm",
        "versus",
        "unit",
        "estimate",
        "lower",
        "upper",
        "conf_level",
    )
    shift = row("shift", **{name: main[name] for name in fields})
    results = changed(results, drop=lambda r: r["id"] == main["id"], add=[shift])
    protocol = results.protocol
    analyses = {
        **protocol.analyses,
        "odi": analysis.model_copy(update={"method": "mann-whitney"}),
        "odi_mean": analysis.model_copy(update={"label": "Means", "role": "sensitivity", "supports": "odi"}),
    }
    means = row("mean difference", **{name: crude[name] for name in fields} | {"analysis": "odi_mean"})
    results = changed(results, add=[means])
    results = dataclasses.replace(results, protocol=protocol.model_copy(update={"analyses": analyses}))
    words = said(estimates(results, "odi", better="lower"))
    assert "Median difference," in words and "mean difference" in words


@pytest.mark.parametrize("width", [720, 350])
@pytest.mark.parametrize(
    ("name", "better", "kind", "value", "at"),
    [
        ("primary", "higher", "non-inferiority", 0.1, [-10]),
        ("odi", "lower", "non-inferiority", 3, [3]),
        ("odi", "higher", "non-inferiority", 3, [-3]),
        ("odi", "lower", "equivalence", 3, [-3, 3]),
    ],
)
def test_the_margin_is_a_labelled_line_on_the_side_where_it_decides(
    make_results, width, name, better, kind, value, at
):
    results = with_analysis(make_results(), name, margin=Margin(kind=kind, value=value))
    svg = estimates(results, name, better=better, width=width)
    ticks = {
        float(t.text.replace("−", "-")): float(t.attrib["x"])
        for t in texts(svg)
        if t.get("text-anchor") == "middle" and re.fullmatch(r"−?\d+", t.text or "")
    }
    low, high = min(ticks), max(ticks)
    expected = [ticks[low] + (v - low) / (high - low) * (ticks[high] - ticks[low]) for v in at]
    dotted = {
        float(e.attrib["x1"]) for e in ET.fromstring(svg).iter(f"{SVG}line") if e.get("stroke-dasharray")
    }
    labels = [float(t.attrib["x"]) for t in texts(svg) if t.text == "margin"]
    assert sorted(dotted) == pytest.approx(expected, abs=0.6)  # a label at the end is moved inside
    assert sorted(labels) == pytest.approx(expected, abs=0.6)


def test_without_a_margin_none_is_drawn(make_results):
    assert "margin" not in said(estimates(make_results()))


def test_intervals_of_different_levels_each_say_their_own(make_results, changed):
    results = make_results()
    worst = results.one(analysis="worst_case", statistic="risk difference", arm="bmc")
    svg = estimates(
        changed(results, drop=lambda r: r["id"] == worst["id"], add=[worst | {"conf_level": 0.9}]), "primary"
    )
    assert "percentage points (CI)</text>" in svg
    assert svg.count("(90% CI ") >= 1 and svg.count("(95% CI ") >= 2

"""What holds for every figure, in the everyday case and in the difficult ones, at both widths."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from armwise.analysis.results import Results
from armwise.report import figures
from armwise.report.figures.text import width as text_width
from armwise.report.numbers import number

SVG = "{http://www.w3.org/2000/svg}"
WIDTHS = (720, 350)
WEEKS = {"w0": 0, "w1": 7, "w2": 14, "w4": 28, "w8": 56, "w12": 84, "w26": 182, "w39": 273, "w52": 364}
THREE = {
    "placebo": ("Placebo", ""),
    "low": ("Xanomeline low dose", "Low dose"),
    "high": ("Xanomeline high dose", "High dose"),
}

#: Each figure, of given results at a given width; `factor` is the size of the scores.
FIGURES: dict[str, Callable[[Results, int, float], str]] = {
    "estimates": lambda r, w, f: figures.estimates(r, width=w),
    "estimates of means": lambda r, w, f: figures.estimates(r, "odi", better="lower", width=w),
    "flow": lambda r, w, f: figures.flow(r, width=w),
    "trajectory": lambda r, w, f: figures.trajectory(r, "odi_change", better="lower", mid=10 * f, width=w),
    "responders": lambda r, w, f: figures.responders(r, "primary", width=w),
    "subgroups": lambda r, w, f: figures.subgroups(
        r, "odi", list(r.protocol.visits)[-1], better="lower", width=w
    ),
    "distribution": lambda r, w, f: figures.distribution(
        r, "odi_change", list(r.protocol.visits)[-1], better="lower", threshold=10 * f, width=w
    ),
}


def cases(
    build: Callable[..., Results], long_arms: dict[str, tuple[str, str]]
) -> dict[str, tuple[Results, float]]:
    made: dict[str, tuple[Results, float]] = {
        "as usual": (build(), 1),
        "three arms": (build(arms=THREE), 1),
        "four arms with long names": (build(arms=long_arms), 1),
        "not estimable": (build(arms=THREE, broken=True), 1),
        "not estimable, long names": (build(arms=long_arms, broken=True), 1),
        "two visits": (build(visits={"baseline": 0, "m12": 365}), 1),
        "nine visits": (build(visits=WEEKS), 1),
        "nine visits, four arms": (build(arms=long_arms, visits=WEEKS, n=12345), 1),
        "large values": (build(factor=1e5), 1e5),
        "small values": (build(factor=1e-3), 1e-3),
        "large study": (build(n=25000), 1),
    }
    return made


@dataclass(frozen=True)
class Box:
    text: str
    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> bool:
        slack = 0.6
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return across > slack and down > slack


def text_boxes(root: ET.Element) -> Iterator[Box]:
    for element in root.iter(f"{SVG}text"):
        size = float(element.get("font-size") or root.attrib["font-size"])
        x, y = float(element.attrib["x"]), float(element.attrib["y"])
        text = element.text or ""
        wide = text_width(text, size, "font-weight" in element.attrib)
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[element.get("text-anchor", "start")]
        yield Box(text, left, y - 0.70 * size, left + wide, y + 0.16 * size)


def mark_boxes(root: ET.Element) -> Iterator[Box]:
    """The points of a figure: circles and closed paths."""
    for element in root.iter():
        if element.tag == f"{SVG}circle":
            x, y, r = (float(element.attrib[name]) for name in ("cx", "cy", "r"))
            yield Box("a disc", x - r, y - r, x + r, y + r)
        elif element.tag == f"{SVG}path" and element.attrib["d"].endswith("Z"):
            places = [float(v) for v in re.findall(r"-?[\d.]+", element.attrib["d"])]
            yield Box("a mark", min(places[::2]), min(places[1::2]), max(places[::2]), max(places[1::2]))


@pytest.fixture(scope="module")
def drawn(make_results, long_arms) -> dict[tuple[str, str, int], tuple[Results, str]]:
    """Every figure of every case at every width."""
    made = {}
    for case, (results, factor) in cases(make_results, long_arms).items():
        for name, draw in FIGURES.items():
            for width in WIDTHS:
                made[case, name, width] = results, draw(results, width, factor)
    return made


@pytest.fixture(scope="module")
def parsed(drawn) -> dict[tuple[str, str, int], ET.Element]:
    return {key: ET.fromstring(svg) for key, (_, svg) in drawn.items()}


def test_each_figure_is_an_image_with_a_title_and_a_description(parsed):
    for key, root in parsed.items():
        title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
        assert root.tag == f"{SVG}svg" and root.get("role") == "img", key
        assert title is not None and title.text and description is not None and description.text, key
        assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}", key
        assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}", key
        assert int(root.attrib["width"]) == key[2]


def test_ids_are_unique_in_a_page_with_all_figures_at_both_widths(parsed):
    for case in {key[0] for key in parsed}:
        ids = [
            element.get("id")
            for key, root in parsed.items()
            if key[0] == case
            for element in root.iter()
            if element.get("id")
        ]
        assert len(ids) == len(set(ids)) == 2 * len(FIGURES) * len(WIDTHS)


def test_type_is_never_smaller_than_11_px(parsed):
    for key, root in parsed.items():
        assert min(float(t.attrib["font-size"]) for t in root.iter() if "font-size" in t.attrib) >= 11, key
        assert not any("transform" in element.attrib for element in root.iter()), key


def test_no_text_leaves_the_figure(parsed):
    for key, root in parsed.items():
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        outside = [
            box for box in text_boxes(root)
            if box.left < -0.5 or box.right > width + 0.5 or box.top < -0.5 or box.bottom > height + 0.5
        ]  # fmt: skip
        assert not outside, (key, outside)


def test_no_label_overlaps_another(parsed):
    for key, root in parsed.items():
        boxes = list(text_boxes(root))
        clashes = [(a.text, b.text) for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.overlap(b)]
        assert not clashes, (key, clashes[:4])


def test_no_label_covers_a_mark(parsed):
    for key, root in parsed.items():
        clashes = [(t.text, m) for t in text_boxes(root) for m in mark_boxes(root) if t.overlap(m)]
        assert not clashes, (key, clashes[:4])


def test_marks_stay_inside_the_figure(parsed):
    for key, root in parsed.items():
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        for box in mark_boxes(root):
            assert box.left >= 0 and box.right <= width and box.top >= 0 and box.bottom <= height, (key, box)


NUMBER = re.compile(r"−?\d[\d.\u202f]*\d|−?\d")


def said_by(row: dict[str, object]) -> set[str]:
    """Every way in which a figure may write the numbers of a row."""
    said = {number(row[name]) for name in ("n", "n_arm", "n_versus") if row[name] is not None}
    for name in ("estimate", "lower", "upper"):
        if row[name] is not None:
            said |= {number(row[name], decimals, scale) for decimals in range(6) for scale in (1, 100)}  # type: ignore[arg-type]
    return said


def names_of(results: Results) -> set[str]:
    """The numbers in the protocol's own words: labels of visits, arms, endpoints and analyses."""
    protocol = results.protocol
    words = [visit.label for visit in protocol.visits.values()]
    words += [endpoint.label for endpoint in protocol.endpoints.values()] + ["95"]
    words += [row["subgroup"] for row in results.rows() if row["subgroup"]]
    return {n for text in words for n in NUMBER.findall(text)}


def test_every_number_with_a_row_is_a_number_of_that_row(drawn):
    seen = 0
    for key, (results, svg) in drawn.items():
        rows = {row["id"]: row for row in results.rows()}
        names = names_of(results)
        for element in ET.fromstring(svg).iter():
            if "data-row" in element.attrib:
                row = rows[element.attrib["data-row"]]
                for shown in NUMBER.findall(element.text or ""):
                    assert shown in said_by(row) | names, (key, element.text, row["key"])
                    seen += 1
    assert seen > 100


def test_every_number_in_words_has_a_row_or_is_a_name(drawn):
    seen = 0
    for key, (results, svg) in drawn.items():
        for element in ET.fromstring(svg).iter(f"{SVG}text"):
            text = element.text or ""
            is_tick = re.fullmatch(r"−?\d[\d.\u202f]*%?", text)
            if "data-row" not in element.attrib and not is_tick and not text.startswith("at −"):
                assert set(NUMBER.findall(text)) <= names_of(results), (key, text)
                seen += bool(NUMBER.findall(text))
    assert seen > 10


def test_every_number_of_a_description_is_in_the_results(drawn):
    seen = 0
    for key, (results, svg) in drawn.items():
        description = ET.fromstring(svg).findtext(f"{SVG}desc") or ""
        known = set().union(*(said_by(row) for row in results.rows())) | names_of(results)
        counted = {str(n) for n in range(10)}  # how many intervals exclude no difference
        threshold = {
            text for text in NUMBER.findall(description) if f"a change at {text} or better" in description
        }
        assert set(NUMBER.findall(description)) <= known | counted | threshold, key
        seen += len(NUMBER.findall(description))
    assert seen > 100


def test_the_description_states_the_numbers_that_the_figure_shows(drawn):
    for name, said in {
        "estimates": "Overlap-weighted: 40 percentage points (95% CI 17 to 61).",
        "trajectory": "(95% CI −21.8 to −8.6) at 12 months",
        "responders": "12 months: BMC + conventional care 67% (24/36)",
        "distribution": "Share of patients with a change at −10 or better: BMC + conventional care 56%",
        "subgroups": "All patients: −14.9 points (95% CI −21.8 to −8.6). Age, Under 60 years: −11.5 points",
        "flow": "112 assessed for eligibility, 80 enrolled.",
    }.items():
        description = ET.fromstring(drawn["as usual", name, 720][1]).findtext(f"{SVG}desc") or ""
        assert said in description, description


def test_simulated_stands_inside_each_figure_of_simulated_data_and_in_no_other(drawn, make_results):
    assert all(svg.count("SIMULATED DATA") == 1 for _, svg in drawn.values())
    real = make_results(simulated=False)
    assert not any("SIMULATED" in draw(real, width, 1) for draw in FIGURES.values() for width in WIDTHS)


def test_a_figure_is_the_same_from_run_to_run(drawn, make_results, long_arms):
    for case, (results, factor) in cases(make_results, long_arms).items():
        for name, draw in FIGURES.items():
            assert draw(results, 720, factor) == drawn[case, name, 720][1]


def test_nothing_is_dropped_when_it_cannot_be_estimated(drawn):
    for (case, name, width), (results, svg) in drawn.items():
        if name in ("estimates", "trajectory", "responders", "subgroups"):
            assert ("not estimable" in svg) == case.startswith("not estimable"), (case, name, width)
        if name == "estimates":
            compared = list(results.rows(endpoint="primary", statistic="risk difference", role="primary"))
            assert compared and all(f'data-row="{row["id"]}"' in svg for row in compared)


def test_no_rule_is_darker_than_the_grid_but_zero_and_the_minimal_important_difference(parsed):
    for key, root in parsed.items():
        if key[1] in ("flow", "distribution"):  # connections and leaders are no grid
            continue
        rules = root.find(f"{SVG}g")
        assert rules is not None
        assert len(rules), key
        dark = {line.get("stroke") for line in rules} - {"#d5dade"}
        assert dark <= {"#1b1f24", "#59626d"}, key


def test_a_name_with_markup_stays_text(drawn):
    _, svg = drawn["four arms with long names", "flow", 720]
    assert "&lt;physiotherapy&gt;" in svg and "<physiotherapy>" not in svg

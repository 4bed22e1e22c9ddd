"""The page itself: well formed, alone in the world, and every number on it is its row's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

import armwise.report
from armwise.analysis.results import Results
from armwise.analysis.results import row as result_row
from armwise.protocol.model import Protocol
from armwise.report import cite, report
from armwise.report.html import SECTIONS, render
from armwise.report.numbers import MINUS, NARROW_SPACE, in_points

VOID = {
    "meta",
    "br",
    "hr",
    "img",
    "input",
    "link",
    "path",
    "line",
    "rect",
    "circle",
    "polyline",
    "polygon",
    "ellipse",
    "stop",
    "use",
}
SUBJECT = "BMC-0417"


class Reader(HTMLParser):
    """Reads a page into its texts and elements, and fails on a tag that is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.stack: list[tuple[str, dict[str, str]]] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.numbers: list[tuple[dict[str, str], list[str]]] = []
        self.open: list[tuple[str, list[str]]] = []
        self.feed(page)
        assert not self.stack, f"left open: {self.stack}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {k: v or "" for k, v in attrs}
        self.elements.append((tag, found))
        if tag in VOID:
            return
        self.stack.append((tag, found))
        if "data-row" in found and tag in ("data", "button"):
            self.numbers.append((found, []))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.stack, f"</{tag}> without a start"
        opened, _ = self.stack.pop()
        assert opened == tag, f"<{opened}> is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1][0] in ("style", "title", "desc") and data.strip():
            self.texts.setdefault(self.stack[-1][0], []).append(data)
            return
        for tag, found in self.stack:
            self.texts.setdefault(tag, []).append(data)
            if "data-row" in found and tag in ("data", "button"):
                self.numbers[-1][1].append(data)
                break

    def text(self, tag: str) -> str:
        return "".join(self.texts.get(tag, []))


@pytest.fixture(scope="module", params=["two_arms", "trial"])
def shown(request: pytest.FixtureRequest) -> tuple[Results, str, Reader]:
    results = request.getfixturevalue(request.param)
    page = report(results)
    return results, page, Reader(page)


@pytest.fixture(scope="module")
def supplement(two_arms: Results) -> tuple[Results, str, Reader]:
    page = render(two_arms)["supplement.html"]
    return two_arms, page, Reader(page)


def test_the_page_is_well_formed_and_its_ids_are_unique(shown: tuple[Results, str, Reader]) -> None:
    reader = shown[2]
    ids = [a["id"] for _, a in reader.elements if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {a["popovertarget"] for _, a in reader.elements if "popovertarget" in a}
    assert targets and targets <= set(ids)
    links = {a["href"] for t, a in reader.elements if t == "a"}
    assert {link for link in links if link.startswith("#")} <= {f"#{i}" for i in ids}
    beside = {link for link in links if not link.startswith("#")}
    sections = re.findall(r'<section id="([\w-]+)"', render(shown[0]).get("supplement.html", ""))
    assert beside == {f"supplement.html#{name}" for name in sections}


def test_the_page_refers_to_nothing_outside_itself(shown: tuple[Results, str, Reader]) -> None:
    _, page, reader = shown
    assert not [
        t for t, _ in reader.elements if t in ("script", "link", "iframe", "img", "object", "embed", "base")
    ]
    assert not [
        a
        for _, a in reader.elements
        if any(k in ("src", "srcset", "action", "data", "poster") or k.startswith("on") for k in a)
    ]
    assert set(re.findall(r"url\(([^)]{0,12})", page)) == {"data:font/wo"}
    assert not re.search(r"@import|https?://(?!www\.w3\.org/2000/svg)", page)


def test_the_page_is_smaller_than_500_kilobytes(shown: tuple[Results, str, Reader]) -> None:
    assert len(shown[1].encode()) < 500_000


def test_nothing_that_is_not_a_number_is_shown(shown: tuple[Results, str, Reader]) -> None:
    said = shown[2].text("body")
    assert not re.search(r"\b(nan|None(?! of| declared)|NoneType|null|undefined|inf)\b", said)
    assert "{" not in said and "}" not in said


def test_no_subject_stands_on_the_page(shown: tuple[Results, str, Reader]) -> None:
    results, page, _ = shown
    assert SUBJECT in str(results.problems)
    assert SUBJECT not in page


def values(text: str) -> Iterator[tuple[float, int]]:
    """The numbers of a text, each with its decimals."""
    for found in re.findall(rf"{MINUS}?\d[\d{NARROW_SPACE}]*(?:\.\d+)?", text):
        plain = found.replace(MINUS, "-").replace(NARROW_SPACE, "")
        yield float(plain), len(plain.partition(".")[2])


def test_every_number_shown_is_its_rows_number(shown: tuple[Results, str, Reader]) -> None:
    assert checked_numbers(shown[0], shown[2]) > 100


def test_every_number_of_the_supplement_is_its_rows_number(supplement: tuple[Results, str, Reader]) -> None:
    assert checked_numbers(supplement[0], supplement[2]) > 20


def test_a_number_with_its_limits_is_cited_once_and_its_exact_values_stand_in_its_markup() -> None:
    made = result_row(
        "risk difference",
        0.43,
        lower=0.181234567,
        upper=0.63,
        conf_level=0.95,
        unit="proportion",
        endpoint="a",
    )
    found = re.findall(r'<data value="([^"]*)" data-row="(r\w+)">([^<]*)</data>', cite.with_limits(made))
    assert found == [("0.43 0.181235 0.63", made["id"], "43 (18\u00a0to\u00a063)")]


def checked_numbers(results: Results, reader: Reader) -> int:
    """Compares each number of a page with its row, and says how many there were."""
    rows = {r["id"]: r for r in results.table.to_dicts()}
    checked = 0
    for attributes, texts in reader.numbers:
        row, part = rows[attributes["data-row"]], attributes.get("data-part", "estimate")
        said = re.sub(r"\d+%\sCI\s", "", "".join(texts))
        value = attributes.get("value", attributes.get("data-value"))
        exact = [row["lower"], row["upper"]] if part == "limits" else [row.get(part)]
        if value is not None and len(value.split()) == 3:
            exact = [row["estimate"], row["lower"], row["upper"]]
        if part == "of":  # a count among its n, and perhaps its share
            exact = [row["estimate"], row["n"]]
            said, _, percent = said.partition(" (")
            if percent:
                assert abs(float(percent.rstrip("%)")) - 100 * row["estimate"] / row["n"]) <= 0.5
        if part == "share":  # of a count, over its n
            exact = [row["estimate"] / row["n"]]
        assert value is not None and [float(x) for x in value.split()] == pytest.approx(exact, rel=5e-6)
        if said.startswith(("<", ">")):
            assert row["p"] < 0.001 if said[0] == "<" else row["p"] > 0.99
            continue
        share = part in ("estimate", "limits", "upper", "share") and (in_points(row) or "%" in said)
        found = list(values(said))
        assert len(found) == len(exact), said
        for (number, decimals), want in zip(found, exact, strict=True):
            assert abs(number - want * (100 if share else 1)) <= 0.5 * 10**-decimals + 1e-9, (
                said,
                row["key"],
            )
        checked += 1
    return checked


def test_every_mark_of_a_figure_names_a_row(shown: tuple[Results, str, Reader]) -> None:
    results, _, reader = shown
    ids = set(results.table["id"])
    named = [a["data-row"] for tag, a in reader.elements if "data-row" in a]
    assert named and set(named) <= ids


def test_every_screen_and_every_printed_page_of_simulated_data_says_so(
    two_arms: Results, trial: Results
) -> None:
    page = report(two_arms)
    assert "<strong>SIMULATED DATA</strong>" in page
    assert '@top-right{content:"SIMULATED DATA"' in page
    assert "SIMULATED" not in report(trial)
    assert "no patient, treatment or outcome is real" in page


def test_headings_and_captions_of_chosen_arms_hold_no_word_of_causality(
    two_arms: Results, causal_words: Callable[[str], list[str]]
) -> None:
    reader = Reader(report(two_arms))
    for tag in ("h1", "h2", "caption", "figcaption"):
        assert causal_words(reader.text(tag).replace(two_arms.protocol.study.publication.citation, "")) == []  # type: ignore[union-attr]


def test_every_table_between_chosen_arms_says_that_they_were_chosen(two_arms: Results) -> None:
    page = report(two_arms)
    for title in ("The arms at baseline", "by visit", "Components", "All outcomes"):
        table = next(
            t
            for t in re.findall(r"<table.*?</table>", page, flags=re.DOTALL)
            if f"{title}" in t.split("</caption>")[0]
        )
        assert "chosen, not randomised" in table


def test_sections_without_rows_are_left_out(two_arms: Results, trial: Results) -> None:
    ids = set(re.findall(r'<section id="(\w+)"', report(trial)))
    assert {"participants", "course", "outcomes", "methods", "provenance"} <= ids
    assert not ids & {"responders", "published"}
    bare = Results(
        two_arms.table.filter(pl.col("analysis").is_in(["primary", "primary.unadjusted"])),
        two_arms.protocol,
        "",
        manifest=two_arms.manifest,
    )
    assert set(re.findall(r'<section id="(\w+)"', report(bare))) == {
        "outcomes",
        "problems",
        "estimands",
        "methods",
        "provenance",
    } | ({"responders"} & ids)


def test_the_contents_list_every_section_once_in_the_order_of_the_page_by_groups(
    shown: tuple[Results, str, Reader],
) -> None:
    page = shown[1]
    contents = re.search(r'<nav id="contents".*?</nav>', page, re.DOTALL)
    assert contents
    listed = re.findall(r'href="#([\w-]+)"', contents[0])
    assert listed == [name for name in re.findall(r'<section id="([\w-]+)"', page) if name != "supplement"]
    groups = re.findall(r"<li><b>(.*?)</b>", contents[0])
    assert groups[0] == "The answer" and len(groups) == len(set(groups)) <= 6


def test_the_report_says_the_finding_of_each_section_of_its_supplement(
    shown: tuple[Results, str, Reader], supplement: tuple[Results, str, Reader]
) -> None:
    said = re.search(r'<section id="supplement">.*?</section>', report(supplement[0]), re.DOTALL)
    assert said
    headings = re.findall(r"<h2>(.*?)</h2>", supplement[1], re.DOTALL)
    assert headings and all(heading in said[0] for heading in headings)
    assert "Table S1." in supplement[1] and "Table 1." not in supplement[1]


def test_a_study_without_more_has_no_supplement_and_that_of_an_earlier_one_is_taken_away(
    two_arms: Results, trial: Results, tmp_path: Path
) -> None:
    report(two_arms, tmp_path)
    assert (tmp_path / "supplement.html").read_text(encoding="utf-8") == render(two_arms)["supplement.html"]
    bare = Results(
        two_arms.table.filter(pl.col("analysis").is_in(["primary", "primary.unadjusted"])),
        two_arms.protocol,
        "",
        manifest=two_arms.manifest,
    )
    assert list(render(bare)) == ["report.html"]
    report(bare, tmp_path)
    assert not (tmp_path / "supplement.html").exists()


def test_what_could_overturn_the_answer_is_the_first_section() -> None:
    assert SECTIONS[0].__module__.endswith(".fragility")
    assert len(SECTIONS) == len(set(SECTIONS))


def test_what_comes_from_the_protocol_is_escaped(two_arms: Results) -> None:
    hostile = '<script>alert(1)</script> & "co" {{7*7}} {% raw %}'
    text = two_arms.protocol.model_dump(mode="json")
    text["study"] |= {"title": hostile, "population": hostile, "id": "X</style><script>"}
    text["arms"]["bmc"] |= {"label": hostile, "short": hostile}
    text["endpoints"]["odi_change"]["label"] = hostile
    for name in ("forms", "visits", "covariates", "endpoints", "analyses", "estimands", "families"):
        text[name] = {k: {a: b for a, b in v.items() if b is not None} for k, v in text[name].items()}
    page = report(Results(two_arms.table, Protocol.model_validate(text), "", manifest=two_arms.manifest))
    assert "<script" not in page
    assert page.count("</style>") == 1
    assert "{{7*7}}" in page
    Reader(page)


def test_the_page_is_the_same_from_run_to_run(make: Callable[..., Results]) -> None:
    assert report(make()) == report(make())


def test_report_writes_into_a_folder(two_arms: Results, tmp_path: Path) -> None:
    written = report(two_arms, tmp_path / "new")
    assert written == tmp_path / "new" / "report.html"
    assert written.read_text(encoding="utf-8") == report(two_arms)


def test_a_file_in_the_way_is_an_error_that_says_what_to_do(two_arms: Results, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(armwise.errors.FileError, match="choose another folder"):
        report(two_arms, tmp_path / "x")


def test_a_reason_on_the_page_calls_arms_by_their_labels(trial: Results) -> None:
    rows = trial.table.to_dicts()
    for r in rows:
        if r["analysis"] == "primary" and r["statistic"] == "mean difference":
            r |= {
                "estimate": None,
                "lower": None,
                "upper": None,
                "status": "not estimable",
                "reason": "nobody in low and placebo is analysed",
            }
    broken = trial.table.clear().extend(pl.DataFrame(rows, schema=trial.table.schema, orient="row"))
    page = report(Results(broken, trial.protocol, "", manifest=trial.manifest))
    assert "nobody in low dose and placebo is analysed" in page
    assert "nobody in low and placebo" not in page

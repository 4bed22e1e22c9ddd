"""What the outcome went with within an arm, from rows as the analysis makes them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest

from armwise.analysis.associations import PERCENTILES
from armwise.analysis.results import Results, Row, row, table
from armwise.protocol.model import Association
from armwise.report import html
from armwise.report.association_headings import NEVER
from armwise.report.page import Figure, Prose, Section
from armwise.report.sections import associations
from armwise.report.tables import Table
from armwise.report.words import Words


def about(item: str, label: str, **more: Any) -> dict[str, Any]:
    fixed = {"analysis": "associations", "endpoint": "odi_change", "visit": "m12", "arm": "bmc", "n": 38}
    return {**fixed, "item": item, "label": label, "conf_level": 0.95, "unit": "%", **more}


def rows(estimate: float = -1.6) -> list[Row]:
    cfu = about("cfu_f_odi", "Colony-forming units-fibroblast (CFU-F)", role="secondary")
    sex = about("gender_odi", "Gender", role="exploratory")
    made = [
        row("correlation", -0.05, lower=-0.37, upper=0.27, method="Spearman, Bonett-Wright interval", **cfu)
    ]
    for item in (cfu, sex):
        made.append(row("detectable correlation", 0.44, at=0.8, at2=0.05, method="Fisher's z", **item))
    for method in ("least squares", "least squares, adjusted for age"):
        made.append(row("slope", estimate, se=2.7, lower=estimate - 5.4, upper=estimate + 5.4, method=method,
                        category="per doubling", **cfu))  # fmt: skip
        made.append(row("mean difference", 0.8, se=4.0, lower=-7.4, upper=9.0, method=method, category="male",
                        reason="from female", **sex))  # fmt: skip
    curve = {**cfu, "method": "restricted cubic spline, 3 knots, adjusted for age"}
    made.append(row("coefficient", 0.1, lower=-5.0, upper=5.2, category="bend", **curve))
    for p in PERCENTILES:
        made.append(row("value at percentile", 1500.0 + 80 * p, at=float(p), **curve))
        made.append(row("fitted mean", -12.0, se=2.0, lower=-16.0, upper=-8.0, at=float(p), **curve))
    for category, mean, n in (("under 2000", -14.7, 4), ("2000 or more", -14.3, 34)):
        made.append(
            row("mean", mean, lower=-20.0, upper=-9.0, at=2000.0, category=category, **{**cfu, "n": n})
        )
    made.append(row("mean difference", 0.4, lower=-10.7, upper=11.5, at=2000.0, method="Welch",
                    category="2000 or more against under 2000", **cfu))  # fmt: skip
    return made


def with_rows(make: Callable[..., Results], estimate: float = -1.6) -> Results:
    base = make()
    return dataclasses.replace(base, table=table([*base.rows(), *rows(estimate)]))


@pytest.fixture(scope="module")
def results(make: Callable[..., Results]) -> Results:
    return with_rows(make)


@pytest.fixture(scope="module")
def section(results: Results) -> Section:
    found = associations.section(results, Words.of(results))
    assert found is not None
    return found


def plain(text: object) -> str:
    return re.sub(r"<[^>]+>", "", str(text)).replace("\u00a0", " ")


def all_words(section: Section) -> str:
    parts: list[object] = [section.heading, section.question]
    for block in section.blocks:
        parts += block.side
        main = block.main
        if isinstance(main, Prose):
            parts += main.paragraphs
        elif isinstance(main, Table):
            parts += [
                main.title,
                main.caption,
                *main.notes,
                *(c for r in main.rows for c in (r.head, r.small, *r.cells)),
            ]
        elif isinstance(main, Figure):
            parts += [main.title, main.caption]
    return " ".join(plain(p) for p in parts)


def test_results_without_such_rows_have_no_such_section(two_arms: Results, trial: Results) -> None:
    for made in (two_arms, trial):
        assert associations.section(made, Words.of(made)) is None


def test_the_declared_pair_leads_with_slope_adjusted_slope_and_correlation(section: Section) -> None:
    lead = section.blocks[0].main
    assert isinstance(lead, Prose)
    said = plain(lead.paragraphs[0])
    assert said.startswith(
        "Declared beforehand, CFU-F with the change from baseline in Oswestry Disability Index"
    )
    assert "−1.6 (95% CI −7.0 to 3.8) points per doubling" in said
    assert "With age held equal: −1.6" in said and "(Spearman): −0.05 (−0.37 to 0.27)" in said


def test_what_could_have_been_found_stands_beside_it(section: Section) -> None:
    assert "With 38 patients, a true correlation of 0.44 is found with a power of 80%" in all_words(section)


def test_a_cut_point_comes_with_its_warning_and_the_sizes_of_both_sides(section: Section) -> None:
    said = all_words(section)
    assert "−14.7 in 4 patients (under 2000)" in said and "in 34 patients (2000 or more)" in said
    assert "throws away how far" in said


def test_each_measure_is_in_the_table_once_with_its_step(section: Section) -> None:
    found = next(b.main for b in section.blocks if isinstance(b.main, Table))
    assert [plain(r.head) for r in found.rows] == [
        "Colony-forming units-fibroblast (CFU-F) (declared to lead)", "Gender",
    ]  # fmt: skip
    assert [plain(r.small) for r in found.rows] == ["per doubling", "Male against Female"]


@pytest.mark.parametrize("estimate", [-1.6, -9.0, 9.0])
def test_it_never_says_that_there_is_nothing_nor_that_something_was_done(
    make: Callable[..., Results], causal_words: Callable[[str], list[str]], estimate: float
) -> None:
    results = with_rows(make, estimate)
    found = associations.section(results, Words.of(results))
    assert found is not None
    said = all_words(found)
    assert [w for w in NEVER if w in said.casefold()] == []
    assert causal_words(said) == []


def test_it_says_that_nothing_was_assigned_and_how_many_were_looked_at(section: Section) -> None:
    said = all_words(section)
    assert (
        "Nobody was assigned a dose" in said
        and "Two associations were looked at" in said
        and "No P values" in said
    )


def test_every_place_of_the_curve_and_every_correlation_is_cited_at_both_widths(
    results: Results, section: Section
) -> None:
    figures = [b.main for b in section.blocks if isinstance(b.main, Figure)]
    assert len(figures) == 2
    curve, ranked = figures
    means = {r["at"]: r["id"] for r in results.rows(analysis="associations", statistic="fitted mean")}
    for drawn in (curve.wide, curve.narrow):
        assert all(means[float(p)] in drawn for p in (5, 50, 95))
    (correlation,) = results.rows(analysis="associations", statistic="correlation")
    assert correlation["id"] in ranked.wide and correlation["id"] in ranked.narrow


def test_it_stands_on_the_page(results: Results) -> None:
    page = "".join(html.render(results).values())
    assert '<section id="associations">' in page and '<a href="#associations">Associations</a>' in page


def test_the_leading_pair_is_open_and_the_list_of_all_folded(section: Section) -> None:
    folds = {type(b.main).__name__: b.folded for b in section.blocks}
    assert folds["Prose"] == "" and folds["Table"].endswith(": two associations")


def test_fewer_patients_with_the_covariates_are_said_where_the_adjusted_slope_stands(
    make: Callable[..., Results],
) -> None:
    base = make()
    made = [{**r, "n": 32} if str(r["method"]).startswith("least squares, adjusted") else r for r in rows()]
    results = dataclasses.replace(base, table=table([*base.rows(), *made]))
    found = associations.section(results, Words.of(results))
    assert found is not None
    assert "With age held equal (32 patients): " in all_words(found)


def test_zeros_and_who_was_left_out_are_said_where_there_are_any(make: Callable[..., Results]) -> None:
    cfu = about("cfu_f_odi", "Colony-forming units-fibroblast (CFU-F)", role="secondary")
    base = make()
    more = [
        row("count", 3, **{**cfu, "category": "zeros that count as half of the smallest positive value"}),
        row("excluded", 2, **{**cfu, "category": "outcome missing"}),
        row("excluded", 0, **{**cfu, "category": "measure missing"}),
    ]
    results = dataclasses.replace(base, table=table([*base.rows(), *rows(), *more]))
    found = associations.section(results, Words.of(results))
    assert found is not None
    said = all_words(found)
    assert "Zeros count as half of the smallest positive value, as the protocol says: CFU-F 3." in said
    assert "Left out of the first pair: 2 (outcome missing)." in said


def test_one_patient_is_one_patient_and_what_cannot_be_estimated_says_why(
    make: Callable[..., Results],
) -> None:
    why = "1 subject with all that it takes; a slope needs three"
    made = []
    for r in rows():
        fixed = {**r, "n": 1}
        if r["statistic"] in ("slope", "mean difference") and r["item"] == "cfu_f_odi":
            fixed |= {
                "estimate": None,
                "lower": None,
                "upper": None,
                "status": "not estimable",
                "reason": why,
            }
        made.append(fixed)
    base = make()
    results = dataclasses.replace(base, table=table([*base.rows(), *made]))
    found = associations.section(results, Words.of(results))
    assert found is not None
    said = all_words(found)
    assert f"(BMC, 1 patient): not estimable ({why})." in said
    assert "Patients on the two sides of the declared cut point: 1 (under 2000), 1 (2000 or more)." in said


def test_a_pair_of_categories_that_could_not_be_set_against_each_other_names_none(two_arms: Results) -> None:
    words = Words.of(two_arms)
    declared = Association(endpoint="odi_change", at="m12", arm="bmc", measure="gender")
    bare = row(
        "mean difference", None, status="not estimable", reason="everybody is in one category", endpoint="a"
    )
    assert associations._per(words, declared, bare) == ""

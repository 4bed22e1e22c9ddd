"""Results -> self-contained HTML pages: sections in their order, the template, the style, the fonts."""

from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Callable
from functools import lru_cache
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from armwise.analysis.comparison import is_comparison
from armwise.analysis.results import Results, Row
from armwise.protocol.model import Protocol
from armwise.report import cite
from armwise.report.figures.style import arm_styles
from armwise.report.page import Section
from armwise.report.sections import (
    anchor,
    associations,
    cell_product,
    completion,
    course,
    detectable,
    deviations,
    distribution,
    estimands,
    fragility,
    imaging,
    methods,
    missing_answers,
    opioids,
    ordinal,
    outcomes,
    overlap,
    participants,
    problems,
    provenance,
    published,
    repeated,
    responders,
    safety,
    subgroups,
    thresholds,
    treatments,
)
from armwise.report.sections.answer import answer
from armwise.report.words import Words

Made = Callable[[Results, Words], Section | None]
Groups = tuple[tuple[str, tuple[Made, ...]], ...]

#: The sections after the first screen in the order in which a reader needs them, by the groups of the list of contents.
#: What could overturn the answer follows it at once.
GROUPS: Final[Groups] = (
    (
        "The answer",
        (
            fragility.section,
            participants.section,
            overlap.section,
            course.section,
            repeated.section,
            responders.section,
            distribution.section,
            outcomes.section,
            subgroups.section,
            safety.section,
        ),
    ),
    (
        "How it was done",
        (
            estimands.section,
            methods.section,
            deviations.section,
            problems.section,
            detectable.section,
        ),
    ),
    ("Where it comes from", (published.section, provenance.section)),
)
#: What else was measured stands on a page of its own, and its findings in the report: who reads on a phone, or prints,
#: has the report alone.
SUPPLEMENT: Final[Groups] = (
    (
        "Measured another way",
        (missing_answers.section, thresholds.section, ordinal.section, anchor.section),
    ),
    (
        "How much, by what",
        (
            opioids.section,
            treatments.section,
            imaging.section,
            cell_product.section,
            associations.section,
        ),
    ),
    ("What came back", (completion.section,)),
)
SECTIONS: Final[tuple[Made, ...]] = tuple(section for _, group in (*GROUPS, *SUPPLEMENT) for section in group)
REPORT_FILE: Final = "report.html"
SUPPLEMENT_FILE: Final = "supplement.html"

#: family, weight, style, file.
FACES: Final = (
    ("Armwise Sans", 400, "normal", "armwise-sans-400.woff2"),
    ("Armwise Sans", 400, "italic", "armwise-sans-400-italic.woff2"),
    ("Armwise Sans", 600, "normal", "armwise-sans-600.woff2"),
    ("Armwise Serif", 600, "normal", "armwise-serif-600.woff2"),
)


def render(results: Results) -> dict[str, str]:
    """The pages, each with nothing outside it: no script, no network, no font from elsewhere.

    Args:
        results: the results of an analysis.

    Returns:
        Name of the file -> HTML: the report, and its supplement where the study has something for it.
    """
    results = deviations.with_verdicts(results)
    words = Words.of(results)
    results = _with_labels(results, words)
    groups, more = (_made(part, results, words) for part in (GROUPS, SUPPLEMENT))
    context: dict[str, Any] = {
        "study": words.protocol.study,
        "simulated": results.simulated,
        "digest": str(results.manifest.get("results_hash") or "")[:12],
        "style": _style(results, words),
        "files": {"report": REPORT_FILE, "supplement": SUPPLEMENT_FILE},
    }
    first = deviations.on_first_screen(answer(results, words), results)
    context["design"] = first.design
    template = _environment().get_template("page.html")
    pages = {REPORT_FILE: template.render(**context, answer=first, groups=groups, more=more)}
    if more:
        pages[SUPPLEMENT_FILE] = template.render(**context, answer=None, groups=more, more=())
    rows = results.table.to_dicts()
    elsewhere = _elsewhere(results.protocol, "".join(pages.values()), rows)
    return {
        name: page.replace(outcomes.ELSEWHERE, elsewhere).replace("<!--notes-->", cite.notes(page, rows))
        for name, page in pages.items()
    }


def _made(groups: Groups, results: Results, words: Words) -> list[tuple[str, list[Section]]]:
    """The sections that a study has, by group; a group of none is left out."""
    made = [
        (title, [s for section in group if (s := section(results, words)) is not None])
        for title, group in groups
    ]
    return [(title, group) for title, group in made if group]


def _with_labels(results: Results, words: Words) -> Results:
    """The results with the arms in their reasons called by their labels, wherever the page says a reason."""
    codes = results.table["reason"].drop_nulls().unique().to_list()
    said = {why: label for why in codes if (label := words.reason(why)) != why}
    if not said:
        return results
    return dataclasses.replace(
        results, table=results.table.with_columns(results.table["reason"].replace(said).alias("reason"))
    )


def _elsewhere(protocol: Protocol, page: str, rows: list[Row]) -> str:
    """How many of the comparisons that the report counts stand neither in it nor in its supplement."""
    shown = set(re.findall(r'data-row="(r[0-9a-f]{12})"', page))
    counted = [r for r in rows if is_comparison(protocol, r) and r["lower"] is not None]
    missing = sum(r["id"] not in shown for r in counted)
    return f"; {missing} of them stand{'s' if missing == 1 else ''} in results.csv only" if missing else ""


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("armwise.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _style(results: Results, words: Words) -> Markup:
    """The style sheet, with the fonts in it, the arms' colours and the words of the printed page's margins."""
    study = words.protocol.study
    arms = "".join(
        f".arm-{name}{{color:{style.colour}}}" for name, style in arm_styles(words.protocol).items()
    )
    running = {
        "left": f"{study.id}  results {words.at(words.last_visit)}",
        "right": "SIMULATED DATA" if results.simulated else "",
        "foot": f"Protocol {study.version}   results {str(results.manifest.get('results_hash') or '')[:12]}",
    }
    css = (resources.files("armwise.report") / "templates" / "page.css").read_text(encoding="utf-8")
    css = css.replace("/*paper*/", study.paper)
    for name, said in running.items():
        css = css.replace(f"/*{name}*/", _css_string(said))
    return Markup("".join(_face(*face) for face in FACES) + css + arms)  # noqa: S704 (ours, and strings quoted for CSS)


def _css_string(text: str) -> str:
    """A text as a CSS string that can end neither the string nor the style element."""
    return '"' + "".join(c if c.isalnum() or c in " .,-" else f"\\{ord(c):x} " for c in text) + '"'


@lru_cache(maxsize=8)
def _face(family: str, weight: int, style: str, file: str) -> str:
    data = (resources.files("armwise.report") / "fonts" / file).read_bytes()
    code = base64.b64encode(data).decode("ascii")
    return (
        f'@font-face{{font-family:"{family}";font-weight:{weight};font-style:{style};'
        f'src:url(data:font/woff2;base64,{code}) format("woff2")}}\n'
    )

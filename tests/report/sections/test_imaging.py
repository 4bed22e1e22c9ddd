"""The section on imaging: what one imaged arm may say, and that every number is a row."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from armwise.analysis.imaging import UNCONTROLLED, imaging
from armwise.analysis.results import Results, table
from armwise.derive.derived import derive
from armwise.protocol.load import parse_protocol
from armwise.report.page import Figure, Section
from armwise.report.sections.imaging import section
from armwise.report.tables import Table
from armwise.report.words import Words
from armwise.simulate import load_assumptions, simulate
from armwise.study.study import Study
from armwise.study.tables import FILE, LINE

EXAMPLE = Path(__file__).parents[3] / "examples" / "bmc-low-back-pain"


@pytest.fixture(scope="module")
def made() -> Callable[..., Results]:
    """Results that hold the rows of imaging alone, of a small SIMULATED study; pairs of texts change the protocol."""

    def make(*changes: tuple[str, str]) -> Results:
        text = (EXAMPLE / "protocol.yaml").read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        protocol = parse_protocol(text, "protocol.yaml")
        assumptions = load_assumptions(EXAMPLE, parse_protocol((EXAMPLE / "protocol.yaml").read_text(), "p"))
        drawn = simulate(protocol, assumptions, seed=5, per_arm={"bmc": 25, "control": 25})
        tables: dict[str, pl.DataFrame] = {}
        for name in ("subjects", "imaging", "procedures"):
            frame = drawn[name]
            days = [c for c in ("date", "enrolled") if c in frame.columns]
            tables[name] = frame.with_columns(pl.col(days).str.to_date()).with_columns(
                pl.lit(f"data/{name}.csv").alias(FILE), pl.int_range(2, frame.height + 2).alias(LINE)
            )
        study = Study(EXAMPLE, protocol, text, tables, (), {"kind": "simulated"}, {})
        derived = derive(study)
        scores = {k: v.as_dict() for k, v in derived.catalogue.items()}
        return Results(
            table(imaging(derived)), protocol, text, manifest={"simulated": True, "scores": scores}
        )

    return make


BOTH = ("    arms: [bmc]\n    by: imaging", "    by: imaging")


@pytest.fixture(scope="module")
def alone(made: Callable[..., Results]) -> Results:
    return made()


def section_of(results: Results) -> Section:
    found = section(results, Words.of(results))
    assert found is not None
    return found


def text_of(found: Section) -> str:
    """All words of the section, markup taken off."""
    parts: list[Any] = [found.heading, found.question]
    for block in found.blocks:
        parts += [*block.side, getattr(block.main, "caption", ""), getattr(block.main, "title", "")]
        parts += getattr(block.main, "paragraphs", ())
        if isinstance(block.main, Table):
            for line in block.main.rows:
                parts += [line.head, line.small, *line.cells]
        if isinstance(block.main, Figure):
            parts += [block.main.wide, block.main.narrow]
    return re.sub(r"<[^>]+>", " ", " ".join(str(p) for p in parts))


def test_one_imaged_arm_is_called_uncontrolled_in_heading_margin_caption_and_row(alone: Results) -> None:
    found = section_of(alone)
    assert found.heading == "Uncontrolled: only BMC was imaged"
    assert "UNCONTROLLED: without images of another arm" in str(found.blocks[0].side[0])
    captions = [str(b.main.caption) for b in found.blocks if isinstance(b.main, Table)]
    assert captions[0].startswith("Uncontrolled change within one arm. ")
    changes = alone.rows(statistic="mean change")
    assert len(changes) == 4
    assert all(r["reason"].startswith(UNCONTROLLED) for r in changes)
    assert "against" not in text_of(found)


def test_two_imaged_arms_are_compared_and_not_called_uncontrolled(made: Callable[..., Results]) -> None:
    results = made(BOTH)
    found = section_of(results)
    said = text_of(found)
    assert "ncontrolled" not in said and "UNCONTROLLED" not in said
    assert "BMC against Control" in said
    assert "not randomised, for images too" in said
    compared = [r for r in results.rows(analysis="imaging") if r["versus"]]
    assert len(compared) == 4
    cells = "".join(
        str(line.cells) for b in found.blocks if isinstance(b.main, Table) for line in b.main.rows
    )
    assert all(r["id"] in cells for r in compared)


def test_every_number_of_the_tables_cites_its_row(alone: Results) -> None:
    ids = set(alone.table["id"])
    for block in section_of(alone).blocks:
        if not isinstance(block.main, Table):
            continue
        for line in block.main.rows:
            for cell in (*line.cells, line.small):
                bare = re.sub(
                    r"<(data|button)[^>]*>.*?</\1>|<[^>]+>|AC[12]|Reader \d|reader \d", "", str(cell)
                )
                assert not re.search(r"\d", bare), cell
                assert set(re.findall(r'data-row="(r[0-9a-f]{12})"', str(cell))) <= ids


def test_weights_are_named_and_types_have_none(alone: Results) -> None:
    agreement = next(
        b.main for b in section_of(alone).blocks if isinstance(b.main, Table) and "Agreement" in b.main.title
    )
    assert isinstance(agreement, Table)
    by = {
        (str(r.head), "twice" in re.sub(r"<[^>]+>", "", str(r.small))): [
            re.sub(r"<[^>]+>", "", str(c)) for c in r.cells
        ]
        for r in agreement.rows
    }
    assert set(by) == {
        (g, twice)
        for g in ("Pfirrmann grade", "Modic type", "High-intensity zone", "Facet joint grade (Weishaupt)")
        for twice in (False, True)
    }
    share, kappa, gwet = by["Pfirrmann grade", False]
    assert "%" in share
    assert kappa.startswith("linear 0.") and "quadratic 0." in kappa
    assert gwet.startswith("AC2 linear 0.")
    assert by["Modic type", False][1].startswith("unweighted 0.")
    assert by["Modic type", False][2].startswith("AC1 unweighted 0.")


def test_blinding_is_told_by_reader_and_its_absence_too(alone: Results, made: Callable[..., Results]) -> None:
    said = text_of(section_of(alone))
    assert re.search(r"Scans read without knowledge of the arm:\s+0\s+of\s+\d+\s+by reader 1", said)
    assert "The reading of reader 1 leads, as the protocol declares." in said
    blank = made(("  blinded: {arm: blinded_arm, time: blinded_time}\n", ""))
    assert "Whether the readers knew the arm is not recorded." in text_of(section_of(blank))


def test_a_mean_that_leads_has_no_shift_table_and_says_so(made: Callable[..., Results]) -> None:
    results = made(
        ("  leading: reader_1", "  leading: mean"),
        ("    modic: {scheme: modic}\n    hiz: {scheme: high-intensity-zone}\n", ""),
    )
    found = section_of(results)
    said = text_of(found)
    assert "The mean of the readers’ grades leads" in said
    assert "not counted" in said
    assert not [b for b in found.blocks if isinstance(b.main, Figure)]


def test_no_word_of_a_cause_and_no_patient(
    alone: Results, made: Callable[..., Results], causal_words: Callable[[str], list[str]]
) -> None:
    for results in (alone, made(BOTH)):
        found = section_of(results)
        said = text_of(found)
        assert causal_words(said) == []
        assert not re.search(r"\b01-\d{3}\b|\b20\d\d-\d\d", said)


def test_a_study_without_images_has_no_such_section(alone: Results) -> None:
    nobody = dataclasses.replace(alone, table=alone.table.filter(pl.col("analysis") != "imaging"))
    assert section(nobody, Words.of(nobody)) is None
    other = dataclasses.replace(alone, protocol=alone.protocol.model_copy(update={"imaging": None}))
    assert section(other, Words.of(other)) is None

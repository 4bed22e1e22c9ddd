from __future__ import annotations

import polars as pl
import pytest

from armwise.errors import UsageError
from armwise.simulate import provenance_of, simulate, write_study
from armwise.study.study import load_study


def draw(case, seed, **options):
    return simulate(case.protocol, case.assumptions, seed=seed, instruments_folder=case.folder, **options)


@pytest.mark.parametrize("study", ["reference", "headache"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_study(study, request):
    case = request.getfixturevalue(study)
    first, again, other = draw(case, 7), draw(case, 7), draw(case, 8)
    assert {n: t.write_csv() for n, t in first.items()} == {n: t.write_csv() for n, t in again.items()}
    assert first["subjects"].write_csv() != other["subjects"].write_csv()


@pytest.mark.parametrize("study", ["reference", "headache"])
def test_a_drawn_study_passes_its_own_validation(study, request, copy_of, tmp_path):
    case = request.getfixturevalue(study)
    folder = tmp_path / "drawn"
    folder.mkdir()
    (folder / "protocol.yaml").write_text((case.folder / "protocol.yaml").read_text())
    if (case.folder / "instruments").is_dir():
        (copy_of / "instruments").rename(folder / "instruments")
    file = case.folder / "assumptions.yaml"
    write_study(draw(case, 3), folder, provenance_of(case.assumptions, file, seed=3))
    drawn = load_study(folder)
    assert drawn.simulated
    assert drawn.errors == ()
    # What is left are the few late visits that the assumptions ask for, and remarks on the protocol.
    data = [p for p in drawn.problems if p.file.startswith("data/")]
    assert all("outside its window" in p.what for p in data), [str(p) for p in data]


def test_every_form_of_the_protocol_has_its_table(reference):
    tables = draw(reference, 1)
    assert set(tables) == {*reference.protocol.forms, "events"}


def test_another_study_needs_no_other_program(headache):
    """A randomised study: three unequal arms, its own instrument, a diary number as outcome, two sites."""
    tables = draw(headache, 5)
    subjects = tables["subjects"]
    assert dict(subjects["arm"].value_counts().iter_rows()) == {"placebo": 60, "low": 30, "high": 60}
    assert set(subjects["site"]) == {"N", "S"}
    assert set(tables) == {"subjects", "impact", "diary", "blood", "events"}
    assert tables["diary"]["days"].dtype == pl.Int64


def test_the_instruments_of_a_study_are_found_in_its_folder(headache):
    tables = draw(headache, 5, per_arm={"placebo": 2000, "low": 2000, "high": 2000})
    impact = headache.scored(tables).filter(pl.col("score") == "impact.total")
    means = dict(
        impact.filter(pl.col("visit") == "w12").group_by("arm").agg(pl.col("value").mean()).iter_rows()
    )
    assert means == {
        "placebo": pytest.approx(14.5, abs=0.25),
        "low": pytest.approx(13, abs=0.25),
        "high": pytest.approx(11, abs=0.25),
    }


def test_screening_counts_are_as_declared_and_numbers_run_in_the_order_of_screening(reference):
    tables = draw(reference, 1)
    screening = tables["screening"]
    assert screening.height == 80 + 19 + 12
    assert screening.filter(pl.col("eligible") == "no").height == 19
    assert screening.filter((pl.col("eligible") == "yes") & (pl.col("enrolled") == "no")).height == 12
    assert screening["subject"].is_unique().all()
    assert screening["date"].to_list() == sorted(screening["date"])
    assert screening["subject"].to_list() == sorted(screening["subject"])
    kept = screening.filter(pl.col("enrolled") == "yes")
    assert kept["subject"].to_list() == tables["subjects"]["subject"].to_list()
    assert kept["date"].to_list() == tables["subjects"]["enrolled"].to_list()


def test_counts_of_screening_follow_the_size_of_the_study(reference):
    tables = draw(reference, 1, per_arm={"bmc": 400, "control": 400})
    assert tables["screening"].height == 10 * (80 + 19 + 12)


def test_leaving_out_a_table_leaves_the_others_as_they_were(reference):
    fewer = {n: t for n, t in reference.assumptions.tables.items() if n != "imaging"}
    smaller = reference.assumptions.model_copy(update={"tables": fewer})
    whole, part = draw(reference, 9), simulate(reference.protocol, smaller, seed=9)
    assert set(whole) - set(part) == {"imaging"}
    for name, table in part.items():
        assert table.write_csv() == whole[name].write_csv()


def test_a_negative_seed_is_refused(reference):
    with pytest.raises(UsageError, match="found seed -1; expected a whole number, 0 or more"):
        draw(reference, -1)


@pytest.mark.parametrize("sizes", [{"bmc": 10}, {"bmc": 10, "control": 0}, {"bmc": 10, "kontrol": 10}])
def test_sizes_that_do_not_fit_the_arms_are_refused(reference, sizes):
    with pytest.raises(UsageError, match="expected 1 patient or more for each of bmc, control"):
        draw(reference, 1, per_arm=sizes)

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from armwise.errors import ProtocolError
from armwise.simulate import load_assumptions, simulate
from armwise.simulate.impressions import rate


def test_a_rating_is_the_best_whose_cut_is_reached():
    cuts = {1: 28.0, 2: 12.0, 3: 4.0}
    latent = np.array([40.0, 28, 27.9, 12, 5, 3.9, -50])
    assert rate(latent, cuts).tolist() == [1, 1, 2, 2, 3, 4, 4]


def test_where_the_highest_rating_is_the_best_the_worst_is_one_below():
    cuts = {7: 28.0, 6: 12.0, 5: 4.0}
    assert rate(np.array([30.0, 13, 4, 0]), cuts).tolist() == [7, 6, 5, 4]


@pytest.fixture(scope="module")
def tables(reference):
    return simulate(reference.protocol, reference.assumptions, seed=4, per_arm={"bmc": 1500, "control": 1500})


def test_ratings_correlate_with_the_score_s_change_as_declared(reference, tables):
    declared = reference.assumptions.tables["pgic"]
    change = reference.scored(tables).filter((pl.col("score") == declared.of) & (pl.col("visit") == "m12"))
    both = (
        tables["pgic"]
        .filter(pl.col("visit") == "m12")
        .join(change, on="subject")
        .drop_nulls(["change", "change_right"])
    )
    found = both.select(pl.corr("change", "change_right", method="spearman")).item()
    # answers and whole points take a little of the declared correlation of the latent impression
    assert found == pytest.approx(declared.correlation, abs=0.05)


def test_forms_that_are_not_filled_in_have_their_reason_and_no_rating(reference, tables):
    frame = tables["pgic"]
    assert frame["visit"].unique().sort().to_list() == ["m1", "m12", "m3", "m6"]
    gone = frame.filter(pl.col("status") == "not done")
    assert gone.height / frame.height == pytest.approx(reference.assumptions.missing.forms.share, abs=0.005)
    assert gone["change"].null_count() == gone.height
    assert set(gone["reason"].to_list()) <= set(reference.assumptions.missing.forms.reasons)
    assert frame.filter(pl.col("status") == "complete")["change"].is_between(1, 7).all()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("of: odi.total\n", "of: odi.totl\n", "nothing is drawn for `odi.totl`"),
        ("item: change\n", "item: chang\n", "unknown item `chang`"),
        ("2: 12, 3: 4,", "2: 3, 3: 4,", "the cuts neither rise nor fall"),
    ],
)
def test_a_mistake_is_told(reference, tmp_path, old, new, said):
    text = (reference.folder / "assumptions.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "assumptions.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ProtocolError) as error:
        load_assumptions(tmp_path / "assumptions.yaml", reference.protocol)
    assert said in str(error.value) + " ".join(p.what for p in getattr(error.value, "problems", ()))

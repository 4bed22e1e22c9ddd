"""Answers yes or no: their share, what they depend on, and that no arm has a part in them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from armwise.errors import ProtocolError
from armwise.simulate import load_assumptions, simulate

ITEM = "influenza_vaccination"


@pytest.fixture(scope="module")
def answers(reference):
    tables = simulate(
        reference.protocol, reference.assumptions, seed=4, per_arm={"bmc": 4000, "control": 4000}
    )
    return tables["general_care"].join(tables["subjects"], on="subject")


def logistic(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and their standard errors, by Newton."""
    beta = np.zeros(X.shape[1])
    for _ in range(40):
        p = 1 / (1 + np.exp(-X @ beta))
        information = X.T @ (X * (p * (1 - p))[:, None])
        beta = beta + np.linalg.solve(information, X.T @ (y - p))
    return beta, np.sqrt(np.diag(np.linalg.inv(information)))


def test_the_log_odds_are_the_declared_ones_and_that_of_the_arm_is_0(reference, answers):
    declared = reference.assumptions.tables["general_care"].items[ITEM]
    age = reference.assumptions.covariates["age"]
    done = answers.drop_nulls([ITEM])
    X = np.column_stack(
        [
            np.ones(done.height),
            (done["age"].to_numpy() - age.mean) / age.sd,
            (done["opioid_use"] == "yes").to_numpy().astype(float) - 0.4,
            (done["arm"] == "bmc").to_numpy().astype(float),
        ]
    )
    found, se = logistic(X, done[ITEM].to_numpy().astype(float))
    wanted = np.array(
        [
            np.log(declared.share / (1 - declared.share)),
            declared.log_odds["age"],
            declared.log_odds["opioid_use.yes"],
            0.0,
        ]
    )
    assert np.abs((found - wanted) / se).max() < 3.5


def test_arms_that_were_chosen_differ_in_it_all_the_same(answers):
    shares = {a: g[ITEM].mean() for (a,), g in answers.group_by("arm")}
    assert shares["control"] - shares["bmc"] > 0.08


def test_forms_that_are_not_filled_in_have_their_reason_and_no_answer(reference, answers):
    assert answers["visit"].unique().to_list() == ["m12"]
    gone = answers.filter(pl.col("status") == "not done")
    assert gone.height / answers.height == pytest.approx(reference.assumptions.missing.forms.share, abs=0.005)
    assert gone[ITEM].null_count() == gone.height
    assert set(gone["reason"].to_list()) <= set(reference.assumptions.missing.forms.reasons)
    assert set(answers[ITEM].drop_nulls().to_list()) == {0, 1}


def test_the_table_has_a_stream_of_its_own_and_leaves_the_others_as_they_were(reference):
    """Without the form every other table is the same, to the last number."""
    without = reference.protocol.model_copy(
        update={"forms": {k: v for k, v in reference.protocol.forms.items() if k != "general_care"}}
    )
    tables = {k: v for k, v in reference.assumptions.tables.items() if k != "general_care"}
    small = {"per_arm": {"bmc": 12, "control": 12}, "seed": 9}
    whole = simulate(reference.protocol, reference.assumptions, **small)
    rest = simulate(without, reference.assumptions.model_copy(update={"tables": tables}), **small)
    assert set(whole) - set(rest) == {"general_care"}
    for name, frame in rest.items():
        assert frame.equals(whole[name]), name


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("influenza_vaccination: {share", "influenza: {share", "unknown item `influenza`"),
        (
            "log_odds: {age: 0.7, opioid_use.yes",
            "log_odds: {agee: 0.7, opioid_use.yes",
            "unknown covariate or score `agee`",
        ),
        ("{share: 0.55,", "{share: 1,", "less than 1"),
    ],
)
def test_a_mistake_is_told(reference, tmp_path, old, new, said):
    text = (reference.folder / "assumptions.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "assumptions.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ProtocolError, match=said):
        load_assumptions(tmp_path, reference.protocol)


def test_an_item_that_cannot_hold_0_and_1_is_told(reference):
    forms = dict(reference.protocol.forms)
    item = forms["general_care"].items[ITEM].model_copy(update={"range": (1, 2)})
    forms["general_care"] = forms["general_care"].model_copy(update={"items": {ITEM: item}})
    protocol = reference.protocol.model_copy(update={"forms": forms})
    with pytest.raises(ProtocolError, match=r"is no item of 1 \(yes\) and 0 \(no\)"):
        load_assumptions(reference.folder, protocol)

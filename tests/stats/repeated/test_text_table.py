from __future__ import annotations

from armwise.stats.repeated.text_table import text_table


def test_labels_stand_left_and_numbers_right_with_five_digits() -> None:
    rows = [
        {"arm": "control", "estimate": 46.550522, "df": 55.36, "p": 2.3e-26, "estimable": True},
        {"arm": "bmc", "estimate": -3.0, "df": 5.0, "p": 0.04567, "estimable": True},
        {"arm": "sham", "estimate": float("nan"), "df": float("nan"), "p": float("nan"), "estimable": False},
    ]
    assert text_table(rows).splitlines() == [
        "arm      estimate    df        p  estimable",
        "control    46.551  55.4  <0.0001        yes",
        "bmc            -3   5.0   0.0457        yes",
        "sham            -     -        -         no",
    ]
    assert text_table([]) == "(no rows)"

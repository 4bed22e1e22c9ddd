"""Look-ups: the fast way on Polars and the portable one are the same."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import polars as pl
import pytest

from armwise.instruments.lookup import LookUp, _replaced, look_up

TABLE = {4: 16.2, 5: 19.9, 20: 67.7}
FRAME = pl.DataFrame({"raw": [4, 5, 20, 5, 999, -3, None], "code": [0, 0, 0, 1, 3, 3, 1]})


def test_a_look_up_gives_the_tables_value_where_the_code_is_0_and_null_elsewhere(engine: Any) -> None:
    data = nw.from_native(engine.make(FRAME))
    found = engine.back(look_up(data, {"t": LookUp("raw", TABLE, where="code")}).to_native())
    assert found["t"] == [16.2, 19.9, 67.7, None, None, None, None]


def test_words_are_looked_up_in_every_row(engine: Any) -> None:
    words = {0: "ok", 1: "missing items", 2: "not an integer", 3: "out of range"}
    found = engine.back(look_up(nw.from_native(engine.make(FRAME)), {"w": LookUp("code", words)}).to_native())
    assert found["w"] == ["ok", "ok", "ok", "missing items", "out of range", "out of range", "missing items"]


def test_the_portable_expression_gives_polars_the_same() -> None:
    one = LookUp("raw", TABLE, where="code")
    data = nw.from_native(FRAME)
    assert data.with_columns(t=_replaced(one)).to_native().equals(look_up(data, {"t": one}).to_native())


def test_the_same_look_up_under_two_names_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[LookUp] = []

    def counted(one: LookUp) -> nw.Expr:
        made.append(one)
        return _replaced(one)

    monkeypatch.setattr("armwise.instruments.lookup._replaced", counted)
    data = nw.from_native(FRAME.drop_nulls().to_pandas())
    found = look_up(data, {"a": LookUp("raw", TABLE, "code"), "b": LookUp("raw", TABLE, "code")})
    assert len(made) == 1
    assert found["a"].to_list()[:3] == found["b"].to_list()[:3] == [16.2, 19.9, 67.7]


def test_nothing_to_look_up_leaves_the_frame_alone() -> None:
    data = nw.from_native(FRAME)
    assert look_up(data, {}) is data

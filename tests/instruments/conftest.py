"""The engines on which every instrument is scored, each as a way in and a way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import polars as pl
import pytest


@dataclass(frozen=True)
class Engine:
    """`make` turns a Polars frame into the engine's own; `back` turns that into lists, None for missing."""

    name: str
    make: Callable[[pl.DataFrame], Any]
    kind: type

    def back(self, frame: Any) -> dict[str, list[Any]]:
        assert isinstance(frame, self.kind)
        if isinstance(frame, pl.LazyFrame):
            frame = frame.collect()
        if isinstance(frame, pl.DataFrame):
            return frame.to_dict(as_series=False)
        return {name: [None if pd.isna(v) else v for v in frame[name].tolist()] for name in frame.columns}


def _pandas_numpy(frame: pl.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({name: frame[name].to_numpy() for name in frame.columns})


def _pandas_nullable(frame: pl.DataFrame) -> pd.DataFrame:
    """Missing answers as NA, and NaN where NaN was."""
    out: dict[str, Any] = {}
    for name in frame.columns:
        cells = [pd.NA if value is None else value for value in frame[name].to_list()]
        whole = frame[name].dtype.is_integer()
        out[name] = pd.array(cells, dtype="Int64") if whole else pd.array(cells, dtype="Float64")
    return pd.DataFrame(out)


def _pandas_arrow(frame: pl.DataFrame) -> pd.DataFrame:
    return frame.to_pandas(use_pyarrow_extension_array=True)


def _pandas_object(frame: pl.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(frame[name].to_list(), dtype=object) for name in frame.columns})


ENGINES = (
    Engine("polars", lambda frame: frame, pl.DataFrame),
    Engine("polars lazy", pl.DataFrame.lazy, pl.LazyFrame),
    Engine("pandas numpy", _pandas_numpy, pd.DataFrame),
    Engine("pandas nullable", _pandas_nullable, pd.DataFrame),
    Engine("pandas arrow", _pandas_arrow, pd.DataFrame),
    Engine("pandas object", _pandas_object, pd.DataFrame),
)


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.name)
def engine(request: pytest.FixtureRequest) -> Engine:
    found = request.param
    assert isinstance(found, Engine)
    return found

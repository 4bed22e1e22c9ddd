"""Small studies, written as files and read like any other: for the tests of deriving and analysing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from armwise.study.study import Study, load_study

ZERO = dt.date(2026, 1, 1)
#: Two arms, a scale from 0 to 50 (lower is better), a mood from 0 to 10, two visits after baseline.
PROTOCOL: dict[str, Any] = {
    "study": {
        "id": "SMALL",
        "version": "1",
        "title": "A small study",
        "allocation": "nonrandomised",
        "masking": "open-label",
    },
    "arms": {"new": {"label": "New"}, "old": {"label": "Old", "reference": True}},
    "visits": {
        "baseline": {"day": 0, "window": [-30, 0]},
        "m1": {"day": 30, "window": [-10, 10]},
        "m3": {"day": 90, "window": [-20, 20]},
    },
    "forms": {
        "subjects": {
            "items": {
                "age": {"type": "integer", "unit": "years"},
                "sex": {"type": "choice", "choices": ["f", "m"]},
            }
        },
        "scale": {
            "at": "all",
            "items": {"points": {"type": "number", "range": [0, 50], "direction": "lower-better"}},
        },
        "mood": {
            "at": "all",
            "items": {"points": {"type": "integer", "range": [0, 10], "direction": "lower-better"}},
        },
    },
    "covariates": {"age": "subjects.age", "sex": "subjects.sex", "scale_0": {"score": "scale.points"}},
    "endpoints": {
        "change": {"score": "scale.points", "kind": "change"},
        "better": {"score": "scale.points", "kind": "responder", "improvement": {"at_least": 10}},
        "happier": {"score": "mood.points", "kind": "responder", "improvement": {"at_least": 2}},
        "either": {"kind": "any", "of": ["better", "happier"]},
        "both": {"kind": "all", "of": ["better", "happier"]},
    },
    "families": {"main": ["primary"]},
    "analyses": {
        "primary": {
            "endpoint": "change",
            "at": "m3",
            "role": "primary",
            "method": "ancova",
            "adjust": "covariates",
            "covariates": ["baseline"],
        }
    },
}


def day(number: int) -> dt.date:
    """The date of a day after time zero."""
    return ZERO + dt.timedelta(days=number)


class Small:
    """Makes studies like `PROTOCOL`, each in a folder of its own."""

    protocol = PROTOCOL

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder

    def study(self, tables: dict[str, list[dict[str, Any]]], **sections: Any) -> Study:
        """A study of these tables (rows without a subject's arm get none); sections replace the protocol's own."""
        folder = self._folder()
        (folder / "data").mkdir()
        text = yaml.safe_dump({**PROTOCOL, **sections}, sort_keys=False)
        (folder / "protocol.yaml").write_text(text, encoding="utf-8")
        for name, rows in tables.items():
            pl.DataFrame(rows, infer_schema_length=None).write_csv(folder / "data" / f"{name}.csv")
        study = load_study(folder)
        assert not study.errors, study.errors
        return study

    def people(self, arms: Iterable[str], **columns: list[Any]) -> list[dict[str, Any]]:
        """Rows of the table subjects: p1, p2 ... enrolled on day 0."""
        return [
            {
                "subject": f"p{i + 1}",
                "arm": arm,
                "enrolled": day(0),
                "age": 40 + (i * 7) % 19,
                "sex": "fmfmmf"[i % 6],
                **{name: values[i] for name, values in columns.items()},
            }
            for i, arm in enumerate(arms)
        ]

    def records(self, subject: str, *found: tuple[str, int, Any], **more: Any) -> list[dict[str, Any]]:
        """Rows of a form: (visit, day, points) of one subject."""
        return [
            {"subject": subject, "visit": visit, "date": day(on), "points": points, **more}
            for visit, on, points in found
        ]

    def scale(self, values: dict[str, tuple[Any, Any, Any]]) -> list[dict[str, Any]]:
        """Rows of a form: subject -> points at baseline, m1, m3 (None: no record)."""
        visits = (("baseline", 0), ("m1", 30), ("m3", 90))
        return [
            row
            for subject, points in values.items()
            for (visit, on), value in zip(visits, points, strict=True)
            if value is not None
            for row in self.records(subject, (visit, on, value))
        ]


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A maker of small studies."""
    return Small(lambda: tmp_path_factory.mktemp("study"))

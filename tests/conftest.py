"""Small studies, written as files and read like any other: for the tests of deriving and analysing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
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

#: Three visits after baseline, and one model of all of them.
VISITS = {
    "baseline": {"day": 0, "window": [-30, 0]},
    "m1": {"day": 30, "window": [-10, 10]},
    "m3": {"day": 90, "window": [-20, 20]},
    "m6": {"day": 180, "window": [-20, 20]},
}
MODEL = {
    "endpoint": "change",
    "at": "all",
    "role": "secondary",
    "method": "mmrm",
    "adjust": "covariates",
    "covariates": ["baseline", "sex"],
}
#: The analysis of a study of repeated measures that answers its question.
MAIN = {"endpoint": "better", "at": "m6", "role": "primary", "method": "risk-difference"}

#: Records of drugs with a first and a last day, and of care by visit.
DRUGS: dict[str, Any] = {
    "keys": ["subject", "drug", "start"],
    "items": {
        "class": {"type": "choice", "choices": {"opioid": "Opioids", "nsaid": "Anti-inflammatory drugs"}},
        "drug": {"type": "text"},
        "route": {"type": "text"},
        "dose": {"type": "number"},
        "unit": {"type": "text"},
        "times": {"type": "number"},
        "start": {"type": "date"},
        "stop": {"type": "date"},
    },
}
CARE: dict[str, Any] = {
    "at": "all",
    "keys": ["subject", "visit", "kind"],
    "items": {"kind": {"type": "choice", "choices": {"exercise": "Exercise", "massage": "Massage"}}},
}
MEDICATION: dict[str, Any] = {
    "form": "drugs", "route": "route", "start": "start", "stop": "stop", "drug_class": "class", "complete": True,
}  # fmt: skip


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

    visits, model = VISITS, MODEL

    def treated(
        self, drugs: list[dict[str, Any]], care: list[dict[str, Any]] | None = None, **sections: Any
    ) -> Study:
        """A study of two patients in each arm, with the score at every visit, records of drugs and of care.

        A drug's record needs `subject` and `drug`; dose 5 mg four times a day from before the study unless it says
        otherwise, in days after time zero. Sections replace the study's own; a section `medication` adds to it.
        """
        medication = {**MEDICATION, **sections.pop("medication", {})}
        forms = {**PROTOCOL["forms"], "drugs": DRUGS, "care": CARE, **sections.pop("forms", {})}
        records = [
            {
                "class": "opioid", "route": None, "dose": 5, "unit": "mg", "times": 4, **drug,
                "start": None if drug.get("start") is None else day(drug["start"]),
                "stop": None if drug.get("stop") is None else day(drug["stop"]),
            }
            for drug in drugs
        ]  # fmt: skip
        tables = {
            "subjects": self.people(["new", "new", "old", "old"]),
            "scale": self.scale(
                {"p1": (40, 35, 30), "p2": (40, 20, None), "p3": (30, 30, 31), "p4": (22, None, 25)}
            ),
            "drugs": records,
            "care": care or [],
        }
        return self.study(
            {name: rows for name, rows in tables.items() if rows},
            **{
                "medication": medication,
                "treatments": {"care": {"form": "care"}},
                "forms": forms,
                **sections,
            },
        )

    def drawn(self, n: int = 40, seed: int = 5, gone: float = 0.15) -> dict[str, dict[str, float]]:
        """Subject -> visit -> points: correlated visits, a better new arm (every other subject), some not seen."""
        rng = np.random.default_rng(seed)
        found: dict[str, dict[str, float]] = {}
        for i in range(n):
            level = rng.normal(0, 4)
            points = {"baseline": 30 + level + rng.normal(0, 3)}
            for k, visit in enumerate(("m1", "m3", "m6"), start=1):
                points[visit] = 28 + 0.8 * level - 2.0 * k * (i % 2 == 0) + rng.normal(0, 2 + k / 2)
            found[f"p{i + 1}"] = {
                v: round(float(x), 1) for v, x in points.items() if v == "baseline" or rng.random() > gone
            }
        return found

    def repeated(
        self,
        points: dict[str, dict[str, float]],
        model: dict[str, Any] | None = None,
        tables: dict[str, list[dict[str, Any]]] | None = None,
        **sections: Any,
    ) -> Study:
        """A study of three visits with the analysis `model` (one model of all visits) beside its main one."""
        records = [
            row
            for subject, seen in points.items()
            for row in self.records(subject, *((v, int(VISITS[v]["day"]), x) for v, x in seen.items()))  # type: ignore[call-overload]
        ]
        people = self.people(["new" if i % 2 == 0 else "old" for i in range(len(points))])
        analyses = {"main": MAIN, "model": {**MODEL, **(model or {})}, **sections.pop("analyses", {})}
        found = {"subjects": people, "scale": records, **(tables or {})}
        return self.study(
            found, **{"visits": VISITS, "families": {"main": ["main"]}, "analyses": analyses, **sections}
        )


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A maker of small studies."""
    return Small(lambda: tmp_path_factory.mktemp("study"))

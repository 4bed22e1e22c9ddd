"""A small study whose data are in order, to be broken one way at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from armwise.study.study import load_study

PROTOCOL = """\
study: {id: S, version: "1", title: Small, allocation: randomised, masking: open-label}
arms: {new: {label: New}, old: {label: Old, reference: true}}
time_zero: {new: procedures.date, old: subjects.enrolled}
visits:
  baseline: {day: 0, window: [-30, 0]}
  m1: {day: 30, window: [-10, 10]}
  m3: {day: 90, window: [-20, 20]}
forms:
  subjects: {items: {age: {type: integer, range: [18, 100], required: true}, sex: {type: choice, choices: [f, m]}}}
  procedures: {arms: [new], keys: [subject, date], items: {date: {type: date}, volume: {type: number}}}
  nrs: {instrument: nrs, at: all, by: patient}
  image: {at: [baseline, m3], arms: [new], items: {grade: {type: integer, range: [1, 5], direction: lower-better}}}
  opioids:
    at: all
    items:
      taken: {type: choice, choices: ["yes", "no"]}
      times: {type: number}
      mme: {type: number, range: [0, 1000], required: true, show_if: {item: taken, equals: "yes"}}
      night: {type: text, show_if: {item: times, equals: 3}}
  notes: {items: {text: {type: text}}}
events: {surgery: {label: Surgery}}
reasons: [ill, age]
endpoints: {pain: {score: nrs.pain, kind: change}}
families: {main: [primary]}
analyses:
  primary: {endpoint: pain, at: m3, role: primary, method: mean-difference}
"""
TABLES = {
    "subjects.csv": (
        "subject,arm,enrolled,age,sex\n"
        "s1,new,2026-01-05,50,f\ns2,new,2026-01-06,60,m\ns3,old,2026-01-07,70,f\ns4,old,2026-01-08,55,m\n"
    ),
    "procedures.csv": "subject,date,volume\ns1,2026-01-10,2.5\ns2,2026-01-11,3\n",
    "nrs.csv": (
        "subject,visit,date,status,reason,nrs_1\n"
        "s1,baseline,2026-01-05,complete,,7\ns1,m1,2026-02-09,complete,,5\ns1,m3,2026-04-10,complete,,4\n"
        "s2,baseline,2026-01-06,complete,,8\ns2,m3,2026-04-11,complete,,3\n"
        "s3,baseline,2026-01-07,complete,,6\ns3,m3,2026-04-07,not done,ill,\n"
        "s4,baseline,2026-01-08,complete,,7\ns4,m1,2026-02-07,complete,,7\ns4,m3,2026-04-08,complete,,6\n"
    ),
    "image.csv": "subject,visit,date,grade\ns1,baseline,2026-01-05,3\ns2,baseline,2026-01-06,4\n",
    "opioids.csv": (
        "subject,visit,date,taken,times,mme,night\n"
        "s1,baseline,2026-01-05,yes,3,35,x\ns2,baseline,2026-01-06,no,,,\ns3,baseline,2026-01-07,no,,,\n"
    ),
    "notes.csv": 'subject,text\ns1,"fine,\nas before"\n',
    "screening.csv": (
        "subject,date,enrolled,reason\ns1,2026-01-01,yes,\n,2026-01-02,no,age\n,2026-01-03,no,age\n"
        "s2,2026-01-01,yes,\ns3,2026-01-01,yes,\ns4,2026-01-01,yes,\n"
    ),
    "events.csv": "subject,date,event,reason\ns4,2026-03-01,surgery,\n",
}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """The folder of the small study."""
    (tmp_path / "data").mkdir()
    (tmp_path / "protocol.yaml").write_text(PROTOCOL, encoding="utf-8")
    for name, text in TABLES.items():
        (tmp_path / "data" / name).write_text(text, encoding="utf-8", newline="")
    return tmp_path


@pytest.fixture
def told(study: Path) -> Callable[..., list[str]]:
    """The problems of the study after (file, old, new) changes; old None: the whole file, new None: no file."""

    def read(*changes: tuple[str, str | None, str | bytes | None]) -> list[str]:
        for name, old, new in changes:
            file = study / name if name == "protocol.yaml" else study / "data" / name
            if new is None:
                file.unlink()
                continue
            made = new if isinstance(new, bytes) else new.encode()
            if old is not None:
                content = file.read_bytes()
                assert content.count(old.encode()) >= 1, (name, old)
                made = content.replace(old.encode(), made, 1)
            file.write_bytes(made)
        return [f"{p.severity}: {p}" for p in load_study(study).problems]

    return read

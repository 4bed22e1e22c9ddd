"""Data against the protocol: errors that stop a run, warnings that a reader must see, each with file and line."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import armwise
from armwise.errors import StudyError
from armwise.study.study import load_study

CASES = yaml.safe_load(
    (Path(__file__).with_name("fixtures") / "broken_values.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_with_the_data_is_told_once_with_its_line(
    name: str, told: Callable[..., list[str]]
) -> None:
    assert told(*CASES[name]["change"]) == CASES[name]["told"]


def test_no_problem_names_a_subject(told: Callable[..., list[str]]) -> None:
    lines = [line for case in CASES.values() for line in case["told"]]
    assert not [line for line in lines if any(f"s{i}" in line for i in range(1, 10))]


def test_all_problems_of_all_files_are_listed_in_their_order(told: Callable[..., list[str]]) -> None:
    found = told(
        ("subjects.csv", "s1,new", "s1,New"), ("nrs.csv", "s2,m3", "s2,m4"), ("nrs.csv", ",,7\n", ",,11\n"),
        ("events.csv", "2026-03-01", "2025-12-31"), ("image.csv", "2026-01-05,3", "2026-01-05,9"),
    )  # fmt: skip
    assert [line.split(" (")[0] for line in found] == [
        "error: data/image.csv:2", "warning: data/events.csv:2", "error: data/nrs.csv:2",
        "error: data/nrs.csv:6", "error: data/subjects.csv:2",
    ]  # fmt: skip


def test_an_error_in_the_data_stops_the_analysis_with_all_of_them(
    study: Path, told: Callable[..., list[str]]
) -> None:
    told(
        ("nrs.csv", ",,7\n", ",,11\n"), ("nrs.csv", "s2,m3", "s2,m4"), ("nrs.csv", "2026-04-10", "2026-05-10")
    )
    with pytest.raises(StudyError, match="2 errors in the data stop the run") as caught:
        armwise.analyse(load_study(study))
    assert [p.row for p in caught.value.problems] == [2, 6]


CELLS = st.sampled_from(
    [
        "",
        " ",
        "0",
        "-1",
        "1e400",
        "NaN",
        "x",
        "2026-02-30",
        "9999-12-31",
        "s1",
        "new",
        "m3",
        '"',
        "{x}",
        "\x00",
        "é",
        "a,b",
        "a\nb",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_cells_changed_at_random_give_problems_and_never_a_crash(study: Path, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        (copy / "data").mkdir()
        (copy / "protocol.yaml").write_bytes((study / "protocol.yaml").read_bytes())
        for file in sorted((study / "data").iterdir()):
            (copy / "data" / file.name).write_bytes(file.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            file = data.draw(st.sampled_from(sorted((copy / "data").iterdir())))
            rows = [row.split(",") for row in file.read_text(encoding="utf-8").split("\n")]
            row = data.draw(st.sampled_from(rows))
            if data.draw(st.booleans()):
                row[data.draw(st.integers(0, len(row) - 1))] = data.draw(CELLS)
            else:
                rows.remove(row)
            file.write_text("\n".join(",".join(row) for row in rows), encoding="utf-8", newline="")
        found = load_study(copy)
        assert all(p.file.startswith("data/") and p.what for p in found.problems)

"""The command line: exit codes, what is printed where, and never a traceback for bad input."""

from __future__ import annotations

import io
import json
import re
import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

import armwise
from armwise.cli import DONE, FAILED, PROBLEMS, USAGE, main
from armwise.simulate.study import simulate_study
from armwise.study.new import copy_study

ROOT = Path(__file__).parents[1]
BMC = ROOT / "examples" / "bmc-low-back-pain"
PROTOCOL = (BMC / "protocol.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference study with its data drawn, once."""
    folder = tmp_path_factory.mktemp("drawn") / "study"
    copy_study(BMC, folder)
    simulate_study(folder)
    return folder


@pytest.fixture
def study(drawn: Path, tmp_path: Path) -> Path:
    """A copy of the reference study, protocol and data."""
    return Path(shutil.copytree(drawn, tmp_path / "study", ignore=shutil.ignore_patterns("assumptions.yaml")))


def test_a_good_study_checks_and_ends_with_0(drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(drawn)]) == DONE
    assert "protocol.yaml and data/ checked: 0 errors, " in capsys.readouterr().out


def test_a_protocol_with_mistakes_ends_with_1_and_lists_them(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (study / "protocol.yaml").write_text(
        PROTOCOL.replace("score: odi.total, kind: change", "score: odi.totl, kind: change"), encoding="utf-8"
    )
    for verb in ("check", "analyse", "simulate"):
        assert main([verb, str(study)]) == PROBLEMS
        found = capsys.readouterr()
        assert (
            "(endpoints.odi_change.score): unknown score `odi.totl`; did you mean `odi.total`?" in found.err
        )
        assert "Traceback" not in found.err


def test_broken_data_end_with_1_and_write_no_results(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = study / "data" / "odi.csv"
    file.write_text(file.read_text(encoding="utf-8").replace(",phone,4,", ",phone,9,"), encoding="utf-8")
    assert main(["analyse", str(study)]) == PROBLEMS
    found = capsys.readouterr()
    assert "errors in the data stop the run" in found.err
    assert "error: data/odi.csv:2 (odi_1): found 9, expected a whole number from 0 to 5" in found.err
    assert not (study / "results").exists()


def test_hundreds_of_problems_of_one_kind_stay_readable_and_all_can_be_had(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = study / "data" / "odi.csv"
    rows = file.read_text(encoding="utf-8").splitlines()
    file.write_text(
        "\n".join([rows[0], *(row.rsplit(",", 1)[0] + ",9" for row in rows[1:])]), encoding="utf-8"
    )
    assert main(["check", str(study)]) == PROBLEMS
    short = capsys.readouterr()
    assert len(short.err.splitlines()) < 40
    assert "more like this, in rows 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, ..." in short.err
    assert short.err.index("error:") < short.err.index("warning:")
    assert main(["check", "--all", str(study)]) == PROBLEMS
    long = capsys.readouterr()
    assert long.err.count("error: data/odi.csv") == len(rows) - 1
    assert long.out == short.out


def test_check_tells_what_an_analysis_would_and_nothing_twice(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = study / "data" / "odi.csv"
    text = file.read_text(encoding="utf-8").replace(
        "01-001,baseline,2018-02-05", "01-001,baseline,2018-02-28"
    )
    file.write_text(text, encoding="utf-8", newline="")
    assert main(["check", "--all", str(study)]) == DONE
    found = capsys.readouterr().err
    assert (
        found.count("data/odi.csv:2 (date): recorded as baseline on day 11, after time zero: not a baseline")
        == 1
    )
    assert "no scoreable record of odi.total on or before time zero" in found
    loaded = armwise.load_study(study)
    assert len(armwise.analyse(loaded).problems) == len(found.splitlines())


def test_a_study_without_data_checks_its_protocol(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--yes", str(tmp_path / "new")]) == DONE
    assert main(["check", str(tmp_path / "new")]) == DONE
    assert f"{tmp_path / 'new'}: protocol.yaml checked: 0 errors, 1 other" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "nowhere"], "no such file; a study folder holds a protocol.yaml"),
        (["analyse", "nowhere"], "nowhere: no such folder"),
        (["simulate", "nowhere"], "no such file; a study folder holds a protocol.yaml"),
        (["report", "nowhere"], "nowhere: no results.parquet; run `armwise analyse` on the study first"),
        (["score", "odi", "nowhere.csv"], "nowhere.csv: cannot be read: No such file or directory"),
        (["schema", "--out", "nowhere/schema.json"], "No such file or directory"),
    ],
)
def test_a_file_that_is_not_there_ends_with_3(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == FAILED
    assert message in capsys.readouterr().err


def cases(*parts: str) -> list[Any]:
    """The ways to break a study that the tests of its parts hold."""
    found = yaml.safe_load(Path(__file__).parent.joinpath(*parts).read_text(encoding="utf-8"))
    return [pytest.param(case["change"], case["told"], id=name) for name, case in found.items()]


def ends(told: list[str]) -> int:
    """A warning alone does not end a run."""
    return DONE if all(line.startswith("warning") for line in told) else PROBLEMS


@pytest.mark.parametrize(
    ("change", "told"),
    [
        case
        for part in ("form", "collection", "plan")
        for case in cases("protocol", "fixtures", f"broken_{part}.yaml")
    ],
)
def test_a_broken_protocol_ends_with_1_and_its_messages(
    change: dict[str, str], told: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).parent / "protocol" / "fixtures" / "protocol.yaml").read_text(encoding="utf-8")
    for old, new in change.items():
        text = text.replace(old, new, 1)
    (tmp_path / "protocol.yaml").write_text(text, encoding="utf-8")
    warned = all("makes adjusted estimates unstable" in line for line in told)
    assert main(["check", "--all", str(tmp_path)]) == (DONE if warned else PROBLEMS)
    found = capsys.readouterr().err
    assert all(line.replace("FOLDER", str(tmp_path)) in found for line in told)


@pytest.mark.parametrize(
    ("change", "told"),
    [case for part in ("tables", "values") for case in cases("study", "fixtures", f"broken_{part}.yaml")],
)
def test_broken_data_end_with_1_and_their_messages_and_oddities_with_0(
    change: list[tuple[str, str | None, str | None]],
    told: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tests = runpy.run_path(str(Path(__file__).parent / "study" / "conftest.py"))
    (tmp_path / "data").mkdir()
    for name, content in {"protocol.yaml": tests["PROTOCOL"], **tests["TABLES"]}.items():
        folder = tmp_path if name == "protocol.yaml" else tmp_path / "data"
        (folder / name).write_text(content, encoding="utf-8", newline="")
    for name, old, new in change:
        file = (tmp_path if name == "protocol.yaml" else tmp_path / "data") / name
        if new is None:
            file.unlink()
        else:
            made = new if old is None else file.read_text(encoding="utf-8").replace(old, new, 1)
            file.write_text(made, encoding="utf-8", newline="")
    assert main(["check", "--all", str(tmp_path)]) == ends(told)
    found = capsys.readouterr().err
    assert all(line in found for line in told)


@pytest.mark.parametrize("name", ["results.parquet", "manifest.json"])
def test_results_that_cannot_be_read_end_with_3(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in ("problems.csv", "exclusions.csv"):
        (tmp_path / file).write_text("file,row\n", encoding="utf-8")
    (tmp_path / "protocol.yaml").write_text(PROTOCOL, encoding="utf-8")
    pl.DataFrame({"id": ["a"]}).write_parquet(tmp_path / "results.parquet")
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    (tmp_path / name).write_text("{", encoding="utf-8")
    assert main(["report", str(tmp_path)]) == FAILED
    assert "cannot be read: " in capsys.readouterr().err


def test_a_protocol_in_another_encoding_ends_with_3(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (study / "protocol.yaml").write_bytes(PROTOCOL.replace("Baseline", "Grundlinie für").encode("cp1252"))
    assert main(["check", str(study)]) == FAILED
    assert "not UTF-8 text; save the file as UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["init", "--yes", "--like", "bmc", "x"], "unknown example `bmc`"),
        (["instruments", "oid"], 'unknown instrument "oid"; did you mean "odi"?'),
        (["score", "oid", "a.csv"], 'unknown instrument "oid"; did you mean "odi"?'),
        (["score", "nrs", "a.csv", "--option", "x"], "--option x: expected NAME=VALUE"),
        (["score", "nrs", "a.csv", "--option", "x=1"], 'unknown option "x"'),
    ],
)
def test_wrong_usage_ends_with_2(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("nrs_1\n1\n", encoding="utf-8")
    assert main(arguments) == USAGE
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["chekc"], ["check"], ["simulate", "x", "--seed", "one"]])
def test_words_that_the_parser_does_not_know_end_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == USAGE
    assert capsys.readouterr().err.startswith("usage: armwise")


def test_init_asks_and_an_end_of_input_takes_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("MY-STUDY\nA title: ours\n"))
    assert main(["init", str(tmp_path / "s")]) == DONE
    text = (tmp_path / "s" / "protocol.yaml").read_text(encoding="utf-8")
    assert 'id: "MY-STUDY"' in text
    assert 'title: "A title: ours"' in text
    assert "masking: open-label" in text
    assert main(["init", "--yes", str(tmp_path / "s")]) == FAILED
    assert "holds a protocol.yaml already; choose another folder" in capsys.readouterr().err


def test_score_writes_the_scores_or_lists_the_cells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id,nrs_1\na,3\nb,11\n", encoding="utf-8")
    assert main(["score", "nrs", str(file)]) == PROBLEMS
    found = capsys.readouterr()
    assert found.out == ""
    assert "error: a.csv:3 (nrs_1): found 11, expected a whole number from 0 to 10" in found.err
    file.write_text("id,nrs_1\na,3\nb,10\n", encoding="utf-8")
    assert main(["score", "nrs", str(file), "--out", str(tmp_path / "scores.csv")]) == DONE
    assert pl.read_csv(tmp_path / "scores.csv")["nrs_pain"].to_list() == [3.0, 10.0]


def test_a_missing_column_of_answers_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("id,nrs1\na,3\n", encoding="utf-8")
    assert main(["score", "nrs", str(tmp_path / "a.csv")]) == PROBLEMS
    assert "a.csv:1 (nrs_1): the column `nrs_1` is missing; did you mean `nrs1`?" in capsys.readouterr().err


def test_a_study_is_locked_once_and_then_only_with_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).parent / "protocol" / "fixtures" / "protocol.yaml").read_text(encoding="utf-8")
    (tmp_path / "protocol.yaml").write_text(text, encoding="utf-8")
    assert main(["lock", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert re.search(r"protocol\.lock \(\d{4}-\d\d-\d\d, version .+\)\n", told)
    assert re.search(r"\nplan     [0-9a-f]{12}\ncollects [0-9a-f]{12}\n$", told)
    assert main(["lock", str(tmp_path)]) == 2
    assert "as it stands" in capsys.readouterr().err
    assert main(["lock", str(tmp_path), "--amend", "why"]) == 2
    assert "nothing differs" in capsys.readouterr().err
    (tmp_path / "protocol.yaml").write_text("study: {}\n", encoding="utf-8")
    assert main(["lock", str(tmp_path), "--amend", "why"]) == 1


def test_the_schema_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == DONE
    assert json.loads(capsys.readouterr().out)["title"] == "armwise protocol"


def test_instruments_are_listed_and_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["instruments"]) == DONE
    assert "odi " in capsys.readouterr().out
    assert main(["instruments", "promis_global"]) == DONE
    assert "option items_reversed (must be chosen)" in capsys.readouterr().out


def test_simulate_says_that_its_data_are_simulated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", str(BMC), "--out", str(tmp_path / "drawn")]) == DONE
    assert "SIMULATED tables" in capsys.readouterr().out
    assert (
        json.loads((tmp_path / "drawn" / "data" / "provenance.json").read_text(encoding="utf-8"))["kind"]
        == "simulated"
    )


def test_an_interrupt_ends_with_3_and_a_closed_pipe_with_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("armwise.protocol.schema.schema_text", stop)
    assert main(["schema"]) == FAILED
    assert capsys.readouterr().err == "stopped\n"

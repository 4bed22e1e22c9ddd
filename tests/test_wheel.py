"""What a user installs is the wheel, not this checkout: it must hold the example, the instruments and the fonts."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of a fresh virtual environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], check=True)
    venv.create(folder / "env", with_pip=True)
    commands = folder / "env" / ("Scripts" if sys.platform == "win32" else "bin")
    wheel = next(folder.glob("armwise-*.whl"))
    subprocess.run([str(commands / "python"), "-m", "pip", "install", "--quiet", str(wheel)], check=True)
    return commands


@pytest.mark.slow
def test_the_demo_runs_from_the_wheel_in_a_folder_of_its_own(installed: Path, tmp_path: Path) -> None:
    run = subprocess.run(
        [str(installed / "armwise"), "demo", "--out", "demo"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    page = (tmp_path / "demo" / "bmc-low-back-pain" / "results" / "report.html").read_text(encoding="utf-8")
    assert "SIMULATED DATA" in page
    assert "font/woff2" in page


@pytest.mark.slow
def test_a_study_begins_and_is_checked_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    for words in (["init", "--yes", "mine"], ["check", "mine"], ["simulate", "mine"], ["analyse", "mine"]):
        run = subprocess.run(
            [str(installed / "armwise"), *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, (words, run.stderr)
    assert (tmp_path / "mine" / "results" / "report.html").is_file()

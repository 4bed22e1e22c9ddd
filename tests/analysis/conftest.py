"""Studies to analyse: the examples, and one drawn by the simulator."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.study.study import Study, load_study

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def reference_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The reference example with data drawn from its assumptions."""
    from armwise.simulate.study import simulate_study

    folder = tmp_path_factory.mktemp("reference") / "bmc"
    folder.mkdir()
    for name in ("protocol.yaml", "assumptions.yaml"):
        shutil.copyfile(ROOT / "examples" / "bmc-low-back-pain" / name, folder / name)
    simulate_study(folder, seed=7)
    return load_study(folder)


@pytest.fixture(scope="session")
def reference(reference_study: Study) -> Results:
    """Its results."""
    return analyse(reference_study)


@pytest.fixture(scope="session")
def pilot_study() -> Study:
    """The CDISC pilot study."""
    return load_study(ROOT / "examples" / "cdisc-pilot")


@pytest.fixture(scope="session")
def pilot(pilot_study: Study) -> Results:
    """Its results."""
    return analyse(pilot_study)

"""The pages' own runner, and one folder in which their examples run."""

from __future__ import annotations

import importlib.util
import re
import sys
from html import unescape
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def page_script():
    """Loads a script of docs/ by its name."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def workspace(page_script, tmp_path_factory) -> Path:
    """The folder in which examples run: `demo/` and `examples/`."""
    folder = tmp_path_factory.mktemp("examples")
    page_script("run_examples").prepare(folder)
    return folder


@pytest.fixture(scope="session")
def demo(workspace):
    """The demo's results, as they were written."""
    from armwise import read_results

    return read_results(workspace / "demo" / "bmc-low-back-pain" / "results")


@pytest.fixture(scope="session")
def demo_page(workspace) -> dict[str, str]:
    """The text of each section of the demo's report and supplement by its id; `answer` is the first screen."""
    named: dict[str, str] = {}
    for name in ("supplement", "report"):
        file = workspace / "demo" / "bmc-low-back-pain" / "results" / f"{name}.html"
        body = re.sub(r"<style.*?</style>", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        first, *rest = re.split(r'<section id="([\w-]+)">', body)
        named |= {"answer": first, **dict(zip(rest[::2], rest[1::2], strict=True))}
    return {
        name: re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text))) for name, text in named.items()
    }

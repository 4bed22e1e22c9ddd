"""Every example of README.md and docs/ runs, and prints what the page says."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: Pages whose examples another test runs, in a way of its own.
ELSEWHERE = {"simulate.md": "tests/simulate/test_docs.py"}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_example_prints_what_the_page_says(page, page_script, workspace, tmp_path, monkeypatch):
    if page.name in ELSEWHERE:
        assert (ROOT / ELSEWHERE[page.name]).is_file()
        return
    examples = page_script("run_examples")
    if not any(
        b.language in ("python", "console") for b in examples.blocks(page.read_text(encoding="utf-8"))
    ):
        return
    folder = tmp_path / "work"
    shutil.copytree(workspace, folder)  # one page's files are not another's
    monkeypatch.setitem(os.environ, "COLUMNS", "100")
    for block, expected, found in examples.run(page, folder):
        where = f"{page.relative_to(ROOT)}:{block.line}"
        assert examples.agrees(expected, found), f"{where}\n{examples.difference(expected, found)}"


def test_the_readme_and_the_python_page_have_examples_to_run(page_script):
    examples = page_script("run_examples")
    for name in ("README.md", "docs/python.md", "docs/architecture.md", "docs/cli.md", "docs/missing.md"):
        found = [b.language for b in examples.blocks((ROOT / name).read_text(encoding="utf-8"))]
        assert "python" in found or "console" in found


def test_an_output_that_is_not_what_the_page_says_is_seen(page_script, tmp_path):
    examples = page_script("run_examples")
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n\n```console\n$ armwise --version\nx\n```\n",
        encoding="utf-8",
    )
    wrong = [
        (expected, found)
        for _, expected, found in examples.run(page, tmp_path)
        if not examples.agrees(expected, found)
    ]
    assert [expected for expected, _ in wrong] == ["3\n", "$ armwise --version\nx\n"]


def test_an_output_that_the_page_does_not_show_is_seen(page_script, tmp_path):
    examples = page_script("run_examples")
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1 + 1)\n```\n", encoding="utf-8")
    assert [(expected, found) for _, expected, found in examples.run(page, tmp_path)] == [("", "2\n")]

"""Runs every example of README.md and docs/, and checks (or, with --write, renews) the output that stands below it.

A ```python block runs in the page's one namespace; what it prints is the ```text block that follows, if there is one.
A block that names a file (```csv answers.csv) is that file. A ```console block holds commands (`$ armwise ...`) and
what they print; `...` stands for anything.
Examples run in a folder of their own that holds `demo/` (what `armwise demo --out demo` makes) and `examples/`.

    python docs/run_examples.py [--write] [PAGE ...]
"""

from __future__ import annotations

import contextlib
import difflib
import doctest
import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^```(\w*) ?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Fenced:
    """A fenced block of a page."""

    language: str
    file: str
    text: str
    line: int
    start: int
    end: int


def pages() -> list[Path]:
    """README.md and every page of docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(text: str) -> list[Fenced]:
    """The fenced blocks of a page, in their order."""
    return [
        Fenced(m[1], m[2], m[3], text.count("\n", 0, m.start()) + 1, m.start(), m.end())
        for m in FENCE.finditer(text)
    ]


def prepare(folder: Path) -> None:
    """Makes the folder in which examples run: the demo's study, and the examples' studies."""
    _armwise(["demo", "--out", str(folder / "demo")])
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("results"))


def run(page: Path, folder: Path) -> Iterator[tuple[Fenced, str, str]]:
    """Runs a page's examples in `folder`.

    Yields:
        The block that holds the expected output (a `text` or a `console` block), what it says, and what came out.
    """
    found = blocks(page.read_text(encoding="utf-8"))
    namespace: dict[str, Any] = {"__name__": "__example__"}
    before = Path.cwd()
    os.chdir(folder)
    try:
        for index, block in enumerate(found):
            if "." in block.file:
                Path(block.file).parent.mkdir(parents=True, exist_ok=True)
                Path(block.file).write_text(block.text, encoding="utf-8")
            elif block.language == "python":
                printed = _printed(compile("\n" * block.line + block.text, str(page), "exec"), namespace)
                after = found[index + 1] if index + 1 < len(found) else None
                shown = after and after.language == "text" and not _between(page, block, after)
                if shown and after:
                    yield after, after.text, printed
                elif printed:
                    yield block, "", printed
            elif block.language == "console":
                yield block, block.text, _console(block.text)
    finally:
        os.chdir(before)


def agrees(expected: str, found: str) -> bool:
    """Whether an output is what the page says; `...` in the page stands for anything."""
    checker = doctest.OutputChecker()
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return checker.check_output(expected.rstrip() + "\n", found.rstrip() + "\n", flags)


def difference(expected: str, found: str) -> str:
    """The lines in which they differ."""
    return "\n".join(
        difflib.unified_diff(expected.splitlines(), found.splitlines(), "page", "run", lineterm="")
    )


def _between(page: Path, one: Fenced, other: Fenced) -> str:
    return page.read_text(encoding="utf-8")[one.end : other.start].strip()


def _printed(code: Any, namespace: dict[str, Any]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, namespace)  # noqa: S102 (the project's own pages)
    return _plain(out.getvalue())


def _console(text: str) -> str:
    """The commands of a console block, each with what it prints now."""
    out: list[str] = []
    code = 0
    for line in text.splitlines():
        if not line.startswith("$ "):
            continue
        out.append(line)
        if line == "$ echo $?":
            out.append(str(code))
        else:
            words = shlex.split(line[2:])
            assert words[0] == "armwise", f"only armwise runs in a console block, not {words[0]}"
            code, printed = _armwise(words[1:])
            out += [printed.rstrip()] if printed.strip() else []
    return "\n".join(out) + "\n"


def _armwise(arguments: list[str]) -> tuple[int, str]:
    from armwise.cli import main

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            code = main(arguments)
        except SystemExit as stop:  # argparse: --help, wrong usage
            code = int(stop.code or 0)
    return code, _plain(out.getvalue())


def _plain(text: str) -> str:
    """Without the blanks at the ends of lines, which no page keeps."""
    return "\n".join(line.rstrip() for line in text.splitlines()) + ("\n" if text else "")


def _write(page: Path, folder: Path) -> None:
    text = page.read_text(encoding="utf-8")
    made = [
        (b, found)
        for b, _, found in run(page, folder)
        if not agrees(b.text, found) and b.language != "python"
    ]
    for block, found in reversed(made):
        text = f"{text[: block.start]}```{block.language}\n{found}```{text[block.end :]}"
    page.write_text(text, encoding="utf-8")
    print(f"{page.relative_to(ROOT)}: {len(made)} outputs renewed")


def main(arguments: list[str]) -> int:
    """Runs the pages named, or all of them."""
    write = "--write" in arguments
    wanted = [Path(a).resolve() for a in arguments if a != "--write"] or pages()
    wrong = 0
    for page in wanted:
        with tempfile.TemporaryDirectory() as name:
            prepare(Path(name))
            if write:
                _write(page, Path(name))
                continue
            for block, expected, found in run(page, Path(name)):
                if not agrees(expected, found):
                    wrong += 1
                    print(f"{page.relative_to(ROOT)}:{block.line}\n{difference(expected, found)}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

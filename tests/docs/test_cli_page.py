"""docs/cli.md names every verb, argument and option of the command, and nothing else."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from armwise import cli

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def verbs() -> dict[str, argparse.ArgumentParser]:
    subparsers = next(a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(subparsers.choices)


def section(verb: str) -> str:
    found = re.search(rf"^## {verb}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/cli.md has no heading {verb}"
    return found[1]


def names(action: argparse.Action) -> list[str]:
    """How an argument is written: `--out DIR`, `--yes`, `study`."""
    if not action.option_strings:
        return [action.dest]
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return [f"{option}{value}" for option in action.option_strings]


OWN = {verb: parser for verb, parser in verbs().items() if parser.prog.split()[-1] == verb}
ARGUMENTS = [
    (verb, name)
    for verb, parser in OWN.items()
    for action in parser._actions
    if "--help" not in action.option_strings
    for name in names(action)
]


@pytest.mark.parametrize(("verb", "name"), ARGUMENTS)
def test_every_argument_and_option_is_documented(verb: str, name: str) -> None:
    assert f"| `{name}` |" in section(verb)


@pytest.mark.parametrize("verb", OWN)
def test_no_argument_is_documented_that_the_command_does_not_have(verb: str) -> None:
    told = re.findall(r"^\| `([^`]+)` \|", section(verb), re.MULTILINE)
    assert set(told) == {name for v, name in ARGUMENTS if v == verb}


def test_every_verb_is_documented_and_every_other_name_of_one() -> None:
    assert re.findall(r"^## (\w+)$", PAGE, re.MULTILINE) == list(OWN)
    assert [other for other in verbs() if f"`{other}`" not in PAGE and other not in OWN] == []


def test_every_exit_code_is_documented() -> None:
    codes = {cli.DONE, cli.PROBLEMS, cli.USAGE, cli.FAILED}
    assert {int(c) for c in re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)} == codes

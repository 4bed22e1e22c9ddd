"""Mistakes in what is collected: arms, time zero, visits, forms and their items."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

CASES = yaml.safe_load(
    (Path(__file__).with_name("fixtures") / "broken_collection.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_told_once_with_its_line_and_what_to_do(
    name: str, mistakes: Callable[..., list[str]], tmp_path: Path
) -> None:
    told = mistakes(*CASES[name]["change"].items())
    assert [line.replace(str(tmp_path), "FOLDER") for line in told] == CASES[name]["told"]

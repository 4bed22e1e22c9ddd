"""docs/simulate.md names every key of assumptions.yaml, and its example runs."""

from __future__ import annotations

import re
import typing
from pathlib import Path

from pydantic import BaseModel

from armwise.simulate.assumptions import Assumptions

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "simulate.md").read_text(encoding="utf-8")


def models(annotation: object) -> set[type[BaseModel]]:
    """Every model that a type speaks of, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        found = {annotation}
        for field in annotation.model_fields.values():
            found |= models(field.annotation)
        return found
    return set().union(*(models(inner) for inner in typing.get_args(annotation)))


def test_every_key_of_the_grammar_is_documented():
    documented = set(re.findall(r"`([a-z_]+)`", TEXT))
    known = {name for model in models(Assumptions) for name in model.model_fields}
    assert len(known) > 60
    # `arm`, `values`, `kind` and the like must stand there too: no exceptions.
    assert known - {"kind"} - documented == set()
    kinds = {
        typing.get_args(m.model_fields["kind"].annotation)[0]
        for m in models(Assumptions)
        if "kind" in m.model_fields
    }
    for kind in kinds:
        assert f"`kind: {kind}`" in TEXT or f"| `{kind}` |" in TEXT, kind


def test_the_example_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    assert len(blocks) == 1
    for block in blocks:
        exec(block, {})

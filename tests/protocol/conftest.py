"""A protocol without a mistake, to be broken one way at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from armwise.protocol.load import read_protocol

TEXT = (Path(__file__).with_name("fixtures") / "protocol.yaml").read_text(encoding="utf-8")


def broken(*changes: tuple[str, str]) -> str:
    """The protocol's text with each first piece replaced by its second."""
    text = TEXT
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text


@pytest.fixture
def mistakes(tmp_path: Path) -> Callable[..., list[str]]:
    """What a protocol's text is told to correct; (old, new) pairs change the good one."""

    def read(*changes: tuple[str, str]) -> list[str]:
        (tmp_path / "protocol.yaml").write_text(broken(*changes), encoding="utf-8")
        return [str(p) for p in read_protocol(tmp_path)[1]]

    return read

"""protocol.yaml -> `Protocol`, or every mistake in it at once, each with its line.

Mistakes of the file's form (a missing key, an unknown word) are worded by `mistakes`; references from one section
to another are followed by `check`.
"""

from __future__ import annotations

from pathlib import Path

from armwise.errors import Problem, ProtocolError
from armwise.protocol.mistakes import build as build
from armwise.protocol.model import Protocol
from armwise.yaml_lines import read_text, read_yaml


def load_protocol(path: Path) -> Protocol:
    """Reads and checks a protocol.

    Args:
        path: the file, or the study folder that holds `protocol.yaml`.

    Returns:
        The protocol, every reference in it followed.

    Raises:
        FileError: there is no such file.
        ProtocolError: it holds mistakes; `problems` lists them all.
    """
    protocol, problems = read_protocol(path)
    errors = [p for p in problems if p.severity == "error"]
    if errors or protocol is None:
        count = "1 mistake" if len(errors) == 1 else f"{len(errors)} mistakes"
        raise ProtocolError(f"{path}: {count}", errors)
    return protocol


def parse_protocol(text: str, file: str) -> Protocol:
    """A protocol from its text alone: the snapshot in a results folder, whose references were followed once.

    Raises:
        ProtocolError: the text is not a protocol.
    """
    data, lines = read_yaml(text, file)
    protocol, problems = build(Protocol, data, lines, file)
    if protocol is None or problems:
        raise ProtocolError(f"{file}: not a protocol of this version", problems)
    return protocol


def read_protocol(path: Path) -> tuple[Protocol | None, list[Problem]]:
    """As `load_protocol`, but returns the mistakes and warnings: the protocol is None when it cannot be built."""
    from armwise.protocol.check import check

    file = path / "protocol.yaml" if path.is_dir() else path
    text = read_text(file, "a study folder holds a protocol.yaml (`armwise init` writes one)")
    data, lines = read_yaml(text, file.name)
    protocol, problems = build(Protocol, data, lines, file.name)
    if protocol is not None:
        problems += check(protocol, data, lines, file, problems)
    # In the order of the file; a section that could not be built is checked as far as it can be.
    problems.sort(key=lambda p: (p.row or 0, p.column))
    broken = any(p.severity == "error" for p in problems)
    return (None if broken else protocol), problems

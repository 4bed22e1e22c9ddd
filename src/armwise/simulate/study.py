"""A study folder with a protocol and assumptions -> its data, drawn and written."""

from __future__ import annotations

from pathlib import Path

from armwise.protocol.load import load_protocol
from armwise.simulate.draw import simulate
from armwise.simulate.load import load_assumptions
from armwise.simulate.write import provenance_of, write_study


def simulate_study(folder: Path, *, assumptions: Path | None = None, seed: int | None = None) -> list[Path]:
    """Draws a study's tables and writes them into its `data/`.

    Args:
        folder: the study folder.
        assumptions: another file than its assumptions.yaml.
        seed: another seed than that of the assumptions.

    Returns:
        The files written.

    Raises:
        FileError: a file is missing, or `data/` holds data that were not simulated.
        ProtocolError: the protocol or the assumptions have mistakes.
    """
    protocol = load_protocol(folder)
    file = assumptions or folder / "assumptions.yaml"
    assumed = load_assumptions(file, protocol)
    chosen = assumed.seed.value if seed is None else seed
    tables = simulate(protocol, assumed, seed=chosen, instruments_folder=folder)
    return write_study(tables, folder, provenance_of(assumed, file, seed=chosen))

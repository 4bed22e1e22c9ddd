"""Finding an instrument: by name among those that ship, in a study's `instruments/` folder, or by path."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from pathlib import Path

from armwise.errors import FileError, InstrumentError
from armwise.instruments.definition import Chosen, Instrument
from armwise.instruments.parse import parse
from armwise.instruments.reading import nearest
from armwise.instruments.value_sets import columns, states

SHIPPED = Path(__file__).parent / "definitions"


def names() -> tuple[str, ...]:
    """Names of the instruments that ship with armwise, in alphabetical order."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.yaml")))


def load(name_or_path: str | Path, folder: Path | str | None = None) -> Instrument:
    """An instrument by name, or from a definition file.

    Args:
        name_or_path: a name ("odi"), or the path of a `.yaml` file.
        folder: a study's folder; `<folder>/instruments/<name>.yaml` is looked for first.

    Returns:
        The instrument.

    Raises:
        InstrumentError: no such instrument, or a definition with mistakes (all of them are listed).
        FileError: the file cannot be read.

    Example:
        >>> load("odi").score("total").unit
        '%'
    """
    file = _find(name_or_path, None if folder is None else Path(folder))
    try:
        changed = file.stat().st_mtime_ns
    except OSError as error:
        raise FileError(f"{file}: cannot be read ({error.strerror}); check the path") from error
    instrument = _read(file, changed)
    _check_value_sets(instrument)  # each time: a value set may have been edited, and its definition not
    return instrument


def _find(name_or_path: str | Path, folder: Path | None) -> Path:
    if isinstance(name_or_path, Path) or name_or_path.endswith((".yaml", ".yml")):
        return Path(name_or_path)
    own: dict[str, Path] = {}
    if folder is not None:
        files = (folder / "instruments").glob("*.yaml")
        own = {path.stem: path for path in files if ".wording." not in path.name}
    known = {name: SHIPPED / f"{name}.yaml" for name in names()} | own
    if name_or_path not in known:
        where = "" if folder is None else f" (nor is there {folder / 'instruments' / name_or_path}.yaml)"
        raise InstrumentError(f'unknown instrument "{name_or_path}"{where}; {nearest(name_or_path, known)}')
    return known[name_or_path]


@lru_cache(maxsize=64)
def _read(file: Path, changed: int) -> Instrument:
    """Read and check one file; `changed` makes an edited file a new one."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{file}: cannot be read as UTF-8 text ({error}); check the file") from error
    return parse(text, file.name if file.parent == SHIPPED else str(file))


def _check_value_sets(instrument: Instrument) -> None:
    """Every value set that a rule can ask for must be there before anything is scored."""
    for score in instrument.scores:
        rule = score.rule
        if rule.value_set is None:
            continue
        table = columns(rule.value_set, instrument.file)
        column = rule.column
        if not isinstance(column, Chosen):
            wanted: tuple[object, ...] = (column,)
        elif column.cases is None:
            wanted = instrument.options[column.option].choices
        else:
            wanted = tuple(column.cases.values())
        for one in wanted:
            if one not in table:
                raise InstrumentError(
                    f'{instrument.file} (scores.{score.name}.column): no column "{one}" in '
                    f"{rule.value_set}; expected one of its columns, {nearest(one, table)}"
                )
        items = [instrument.item(code) for code in rule.items]
        levels = [range(int(item.lo), int(item.hi) + 1) for item in items]
        held = states(rule.value_set, instrument.file)
        absent = [state for state in product(*levels) if "".join(map(str, state)) not in held]
        if absent:
            raise InstrumentError(
                f"{instrument.file} (scores.{score.name}.value_set): {rule.value_set} lacks {len(absent)} states, "
                f"the first {''.join(map(str, absent[0]))}; expected every combination of the items' levels"
            )

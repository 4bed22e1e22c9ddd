"""Results -> what people read.

report   one self-contained HTML page, made of results alone
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from armwise.analysis.results import Results

__all__ = ["report"]

FILE = "report.html"


@overload
def report(results: Results, folder: None = None) -> str: ...
@overload
def report(results: Results, folder: Path | str) -> Path: ...


def report(results: Results, folder: Path | str | None = None) -> str | Path:
    """The report of a study as one HTML page that needs nothing outside itself.

    Args:
        results: the results of an analysis.
        folder: where to write `report.html`; without it the page is returned as text.

    Returns:
        The page, or the path of the file.

    Raises:
        FileError: the file cannot be written.
    """
    from armwise.errors import FileError
    from armwise.report.html import render

    page = render(results)
    if folder is None:
        return page
    target = Path(folder) / FILE
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page, encoding="utf-8")
    except OSError as error:
        raise FileError(
            f"{target}: cannot be written ({error.strerror}); choose another folder with --out"
        ) from error
    return target


class _Callable(ModuleType):
    """This package, callable: `armwise.report` is the verb, and Python binds the package to the same name."""

    def __call__(self, results: Results, folder: Path | str | None = None) -> Any:
        return report(results, folder) if folder is not None else report(results)


sys.modules[__name__].__class__ = _Callable

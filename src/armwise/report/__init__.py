"""Results -> what people read.

report   one self-contained HTML page, made of results alone, and a supplement beside it
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from armwise.analysis.results import Results

__all__ = ["report"]


@overload
def report(results: Results, folder: None = None) -> str: ...
@overload
def report(results: Results, folder: Path | str) -> Path: ...


def report(results: Results, folder: Path | str | None = None) -> str | Path:
    """The report of a study as an HTML page that needs nothing outside itself.

    What else was measured (thresholds, imaging, dose and the like) stands in a supplement, a page of the same kind.

    Args:
        results: the results of an analysis.
        folder: where to write `report.html` and, where there is something for it, `supplement.html`; without it the
            report is returned as text.

    Returns:
        The report, or the path of its file.

    Raises:
        FileError: a file cannot be written.
    """
    from armwise.errors import FileError
    from armwise.report.html import REPORT_FILE, SUPPLEMENT_FILE, render

    pages = render(results)
    if folder is None:
        return pages[REPORT_FILE]
    target = Path(folder) / REPORT_FILE
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        (target.parent / SUPPLEMENT_FILE).unlink(missing_ok=True)  # that of an earlier analysis
        for name, page in pages.items():
            target = target.with_name(name)
            target.write_text(page, encoding="utf-8")
    except OSError as error:
        raise FileError(
            f"{target}: cannot be written ({error.strerror}); choose another folder with --out"
        ) from error
    return target.with_name(REPORT_FILE)


class _Callable(ModuleType):
    """This package, callable: `armwise.report` is the verb, and Python binds the package to the same name."""

    def __call__(self, results: Results, folder: Path | str | None = None) -> Any:
        return report(results, folder) if folder is not None else report(results)


sys.modules[__name__].__class__ = _Callable

"""A new study folder, from an example: nobody begins with an empty YAML file."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from armwise.errors import FileError, UsageError
from armwise.protocol.lock import FILE as LOCK
from armwise.protocol.plan import WEIGHTED
from armwise.yaml_lines import KeyPath, nearest, read_yaml, span_of

#: What a study folder is made of, beside its data.
PARTS = ("protocol.yaml", "assumptions.yaml", "scenarios.yaml")


def examples() -> dict[str, Path]:
    """The examples that come with armwise: name -> folder."""
    here = Path(__file__).resolve()
    # In a wheel they lie in the package; in a checkout beside it.
    for root in (here.parents[1] / "examples", here.parents[3] / "examples"):
        if root.is_dir():
            return {p.name: p for p in sorted(root.iterdir()) if (p / "protocol.yaml").is_file()}
    return {}


def copy_example(name: str, folder: Path, *, again: bool = False, lock: bool = True) -> None:
    """Copies an example's protocol, assumptions, instruments and lock, not its data.

    Args:
        name: the example.
        folder: where to.
        again: whether a folder that this command made before may be written over.
        lock: whether its lock goes with it: not into a study that only begins like it.

    Raises:
        UsageError: there is no such example.
        FileError: the folder holds a study already.
    """
    known = examples()
    if name not in known:
        raise UsageError(f"unknown example `{name}`; {nearest(name, known)}")
    copy_study(known[name], folder, again=again, lock=lock)


def copy_study(source: Path, folder: Path, *, again: bool = False, lock: bool = True) -> None:
    """Copies a study's protocol, assumptions, instruments and (unless told not to) its lock into a new folder.

    Raises:
        FileError: the source is no study, or the folder holds one already.
    """
    if not (source / "protocol.yaml").is_file():
        raise FileError(f"{source}: no protocol.yaml; expected a study folder")
    if source.resolve() == folder.resolve():
        return
    if (folder / "protocol.yaml").exists() and not (again and _was_simulated(folder)):
        raise FileError(f"{folder}: holds a protocol.yaml already; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        if (source / part).is_file():
            shutil.copyfile(source / part, folder / part)
    if lock and (source / LOCK).is_file():
        shutil.copyfile(source / LOCK, folder / LOCK)
    elif again:  # that of the protocol which was written over
        (folder / LOCK).unlink(missing_ok=True)
    if (source / "instruments").is_dir():
        shutil.copytree(source / "instruments", folder / "instruments", dirs_exist_ok=True)


def _was_simulated(folder: Path) -> bool:
    """Whether the folder's data were drawn by a computer: a study's own are never written over."""
    try:
        found = json.loads((folder / "data" / "provenance.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return not (folder / "data").exists()
    return isinstance(found, dict) and found.get("kind") == "simulated"


#: Key of the protocol -> the question, and the answers that it takes (none: any text).
QUESTIONS: tuple[tuple[KeyPath, str, tuple[str, ...]], ...] = (
    (("study", "id"), "Short name of the study", ()),
    (("study", "title"), "Title", ()),
    (("study", "objective"), "Objective", ()),
    (("study", "population"), "Patients", ()),
    (("study", "setting"), "Where", ()),
    (("study", "allocation"), "Were the arms randomised or nonrandomised?", ("randomised", "nonrandomised")),
    (("study", "masking"), "Masking", ("open-label", "single-blind", "double-blind", "assessor-blind")),
)
#: What belongs to the published study is not the new one's.
NOT_OURS: tuple[KeyPath, ...] = (
    ("published",),
    ("analyses", "pain_as_published"),
    ("arms", "bmc", "components"),
    ("arms", "control", "components"),
    ("study", "allocated_by"),
    ("study", "publication"),
    ("study", "registration"),
)


#: A comment on what is known of the published study: it says nothing of the new one.
SAID_OF_THE_PUBLISHED = r" +# [^\n]*\b(confirmed|paper's|published|abstract)\b[^\n]*"


def new_study(folder: Path, *, like: str, ask: Callable[[str, str], str] | None = None) -> Path:
    """Writes a study folder after an example.

    Args:
        folder: the folder to make.
        like: the example.
        ask: gets a question and its default and returns the answer; None takes every default.

    Returns:
        The new protocol.yaml.

    Raises:
        UsageError: there is no such example.
        FileError: the folder holds a study already.
    """
    copy_example(like, folder, lock=False)
    file = folder / "protocol.yaml"
    text = _headed(file.read_text(encoding="utf-8"), like)
    for path in NOT_OURS:
        text = _without(text, path)
    text = re.sub(SAID_OF_THE_PUBLISHED, "", text)
    data = read_yaml(text, file.name)[0]
    answered: dict[KeyPath, str] = {}
    if ask is not None:
        for path, question, answers in QUESTIONS:
            answered |= _asked(data, path, question, answers, ask)
        for arm in data["arms"]:
            answered |= _arm_asked(data, arm, ask)
    for path, answer in answered.items():
        text = _set(text, path, answer)
    randomised = answered.get(("study", "allocation")) == "randomised"
    file.write_text(_without_weights(text) if randomised else text, encoding="utf-8", newline="\n")
    if randomised:
        _randomise(folder / "assumptions.yaml")
    (folder / "data").mkdir(exist_ok=True)
    return file


#: What says how a comparison of chosen arms adjusts, and that its missing outcomes are drawn with the covariates.
_WEIGHTED = r",\s*adjust: (?:{}),\s*covariates: \[[^\]]*\]".format("|".join(WEIGHTED))


def _without_weights(text: str) -> str:
    """The plan of an example whose arms were chosen, for arms that chance makes alike: nothing is weighted."""
    data = read_yaml(text, "protocol.yaml")[0]
    for name, analysis in data["analyses"].items():
        if analysis.get("adjust") in WEIGHTED and analysis["adjust"] != "overlap-weights":
            text = _without(text, ("analyses", name))
    text = re.sub(_WEIGHTED, "", text)
    text = text.replace("label: Overlap-weighted", "label: Risk difference", 1)
    text = text.replace("label: Overlap-weighted", "label: Difference in means")
    text = text.replace("missing: impute", "missing: complete-cases")
    text = re.sub(r"\b([a-z]+)_overlap\b", r"\1_unadjusted", text).replace("overlap_means", "means")
    data = read_yaml(text, "protocol.yaml")[0]
    for name, analysis in data["analyses"].items():
        main = data["analyses"].get(analysis.get("supports"), {})
        if main and _asked_for(analysis) == _asked_for(main):  # it differed by its weights or its imputation
            text = _without(text, ("analyses", name))
    for name, estimand in data.get("estimands", {}).items():
        if estimand.get("target") == "overlap":
            text = _set(text, ("estimands", name, "target"), "everyone")
            whom = "All randomised patients, whatever other treatment they had later"
            text = _set(text, ("estimands", name, "label"), whom)
    return text


def _asked_for(analysis: Mapping[str, Any]) -> dict[str, Any]:
    """What an analysis compares and how, without what it is called and its place."""
    said = {"missing": "complete-cases", **analysis}
    return {k: v for k, v in said.items() if k not in ("label", "role", "supports", "estimand", "also")}


def _headed(text: str, like: str) -> str:
    """The text with our own first comment in place of the example's."""
    rows = text.splitlines(keepends=True)
    while rows and rows[0].startswith("#"):
        rows.pop(0)
    return (
        f"# Begun from the example {like}: everything here is to be read and made this study's own.\n"
        + "".join(rows)
    )


def _asked(
    data: Any, path: KeyPath, question: str, answers: tuple[str, ...], ask: Callable[[str, str], str]
) -> dict[KeyPath, str]:
    """The answer to a question, where it changes what stands there."""
    found = data
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, str):
        return {}
    shown = f"{question} ({', '.join(answers)})" if answers else question
    answer = ask(shown, found)
    while answers and answer not in answers:
        answer = ask(f"`{answer}` is none of them. {shown}", found)
    return {} if answer == found else {path: answer}


def _arm_asked(data: Any, arm: str, ask: Callable[[str, str], str]) -> dict[KeyPath, str]:
    """What the arm is called; its short name and description would be another treatment's, and go."""
    answered = _asked(data, ("arms", arm, "label"), f"What is the arm `{arm}` called?", (), ask)
    also = [key for key in ("short", "description") if key in data["arms"][arm]]
    return answered | {("arms", arm, key): label for label in answered.values() for key in also}


def _set(text: str, path: KeyPath, value: str) -> str:
    """The text with one key's value replaced; everything else, comments included, stays as it is."""
    span = span_of(text, path)
    if span is None:
        return text
    start, end = span
    block = text[start] in "|>"  # a block ends with its last line break
    return f"{text[:start]}{json.dumps(value, ensure_ascii=False)}{chr(10) * block}{text[end:]}"


def _randomise(file: Path) -> None:
    """In a randomised study chance allocates the arms: assumptions in which patients chose them are changed so."""
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    span = span_of(text, ("allocation",)) if text else None
    if span and read_yaml(text, file.name)[0]["allocation"].get("kind") == "chosen":
        made = "{kind: random, status: assumed, source: invented}\n\n"
        file.write_text(f"{text[: span[0]]}{made}{text[span[1] :]}", encoding="utf-8", newline="\n")


def _without(text: str, path: KeyPath) -> str:
    """The text without a key and everything under it."""
    _, lines = read_yaml(text, "protocol.yaml")
    if path not in lines:
        return text
    rows = text.splitlines(keepends=True)
    at = lines[path] - 1
    indent = rows[at][: len(rows[at]) - len(rows[at].lstrip())]
    end = at + 1
    while end < len(rows) and (not rows[end].strip() or rows[end].startswith(indent + " ")):
        end += 1
    while end > at + 1 and not rows[end - 1].strip():  # blank lines separate, they belong to nobody
        end -= 1
    return "".join(rows[:at] + rows[end:])

"""docs/protocol.md names every key of the models, says its default, and shows only YAML that armwise accepts."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import pytest
import yaml

from armwise.analysis.compare import ROWS
from armwise.protocol import model
from armwise.protocol.check_plan import ALSO
from armwise.protocol.known import RESERVED
from armwise.protocol.load import read_protocol

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
#: model -> the heading of the page under which its keys stand.
HEADINGS = {
    "Protocol": "The file",
    "Study": "study",
    "Registration": "registration",
    "Publication": "publication",
    "Arm": "arms",
    "Visit": "visits",
    "Form": "forms",
    "Item": "items",
    "Condition": "show_if",
    "Eligibility": "eligibility",
    "Event": "events",
    "Covariate": "covariates",
    "Subgroup": "subgroups",
    "Endpoint": "endpoints",
    "Improvement": "improvement",
    "AnalysisSet": "analysis_sets",
    "Estimand": "estimands",
    "TargetTrial": "target_trial",
    "Components": "components",
    "Imputation": "imputation",
    "Family": "families",
    "Size": "size",
    "Safety": "safety",
    "Mark": "marks",
    "Fragility": "fragility",
    "Medication": "medication",
    "Treatments": "treatments",
    "Care": "care",
    "Procedures": "procedures",
    "Analysis": "analyses",
    "Margin": "margin",
    "Modifier": "modifiers",
    "CellProduct": "cell_product",
    "Measure": "measures",
    "Conversion": "convert",
    "ReferenceRange": "reference",
    "Ratio": "ratios",
    "Association": "associations",
    "Imaging": "imaging",
    "Grade": "grades",
    "Blinded": "blinded",
    "Published": "published",
    "Thresholds": "thresholds",
    "Threshold": "threshold",
    "Anchor": "anchors",
}
MODELS = {
    name: found
    for name, found in vars(model).items()
    if isinstance(found, type) and issubclass(found, model.Section) and found is not model.Section
}
KEYS = [(name, key) for name, found in MODELS.items() for key in found.model_fields]


def section(heading: str) -> str:
    found = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##+ |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/protocol.md has no heading {heading}"
    return found[1]


def cells(heading: str, key: str) -> list[str]:
    for line in section(heading).splitlines():
        if line.startswith(f"| `{key}` |"):
            return [cell.strip() for cell in line.strip("|").split("|")]
    raise AssertionError(f"docs/protocol.md says nothing of `{key}` under {heading}")


def literals(annotation: object) -> set[object]:
    if typing.get_origin(annotation) is typing.Literal:
        return set(typing.get_args(annotation))
    return set().union(*(literals(a) for a in typing.get_args(annotation)), set())


def test_every_model_has_its_section() -> None:
    assert MODELS.keys() == HEADINGS.keys()


@pytest.mark.parametrize(("name", "key"), KEYS)
def test_every_key_of_the_protocol_is_documented(name: str, key: str) -> None:
    row = cells(HEADINGS[name], key)
    assert len(row) == 4
    assert all(row)


@pytest.mark.parametrize(("name", "key"), KEYS)
def test_the_page_says_which_keys_are_required_and_what_the_others_default_to(name: str, key: str) -> None:
    field = MODELS[name].model_fields[key]
    said = cells(HEADINGS[name], key)[2].strip("`")
    if field.is_required():
        assert said == "*required*"
    elif isinstance(field.default, bool):
        assert said == str(field.default).lower()
    elif isinstance(field.default, int | float) or (isinstance(field.default, str) and field.default):
        assert said == str(field.default)
    elif field.default is None:
        assert said in ("none", "all")
    elif isinstance(field.default, str | tuple | dict):
        assert said == "empty"


@pytest.mark.parametrize(("name", "key"), KEYS)
def test_every_word_that_a_key_takes_is_documented(name: str, key: str) -> None:
    row = " ".join(cells(HEADINGS[name], key))
    missing = [word for word in literals(MODELS[name].model_fields[key].annotation) if f"`{word}`" not in row]
    assert missing == []


def test_no_key_is_documented_that_the_models_do_not_have() -> None:
    for name, heading in HEADINGS.items():
        keys = re.findall(r"^\| `(\w+)` \|", section(heading), re.MULTILINE)
        assert set(keys) == set(MODELS[name].model_fields), heading


def test_every_method_and_companion_is_documented() -> None:
    assert set(re.findall(r"^\| `([\w-]+)` \|", section("methods"), re.MULTILINE)) == set(ROWS)
    assert [word for word in ALSO if f"`{word}`" not in " ".join(cells("analyses", "also"))] == []
    assert [word for word in RESERVED if f"`{word}`" not in section("forms")] == []


def merged(base: object, part: object) -> object:
    if isinstance(base, dict) and isinstance(part, dict):
        return {**base, **{key: merged(base.get(key), value) for key, value in part.items()}}
    return part


FRAGMENTS = re.findall(r"^```yaml( complete)?\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(FRAGMENTS)))
def test_every_yaml_block_is_a_part_of_a_protocol_without_mistakes(number: int, tmp_path: Path) -> None:
    complete, text = FRAGMENTS[number]
    example = (ROOT / "examples" / "bmc-low-back-pain" / "protocol.yaml").read_text(encoding="utf-8")
    base = {} if complete else yaml.safe_load(example)
    part = yaml.safe_load(text)
    if "size" in part:  # it takes a risk or an SD: the example's must not stay beside the block's
        base.pop("size")
    whole = merged(base, part)
    (tmp_path / "protocol.yaml").write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
    protocol, problems = read_protocol(tmp_path)
    assert [str(p) for p in problems if p.severity == "error"] == []
    assert protocol is not None


def test_the_fragments_use_every_key_that_has_no_section_of_its_own() -> None:
    text = "\n".join(text for _, text in FRAGMENTS)
    unused = [f"{name}.{key}" for name, key in KEYS if not re.search(rf"\b{key}:", text)]
    assert unused == []

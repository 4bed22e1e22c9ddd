"""The house stands: floors, sizes, docstrings, and nothing heavy before it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "armwise"
MODULES = sorted(SOURCE.rglob("*.py"))
#: Package or module -> its floor, lowest first; two on one floor do not know each other.
FLOORS = {
    "errors": 0,
    "yaml_lines": 1,
    "stats": 2,
    "instruments": 2,
    "protocol": 3,
    "study": 4,
    "derive": 5,
    "analysis": 6,
    "report": 7,
    "simulate": 7,
    "cli": 8,
    "__main__": 9,
}
HEAVY = ("numpy", "polars", "pydantic", "scipy", "narwhals", "jinja2", "yaml")


def name_of(module: Path) -> str:
    return module.relative_to(SOURCE).with_suffix("").as_posix()


def home(module: Path) -> str:
    return module.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(module: Path) -> Iterator[str]:
    """The parts of armwise that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            names = (
                [f"{node.module}.{a.name}" for a in node.names]
                if node.module == "armwise"
                else [str(node.module)]
            )
        for name in names:
            parts = name.split(".")
            if parts[0] == "armwise" and len(parts) > 1 and not parts[1].startswith("__"):
                yield parts[1]


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_imports_only_from_floors_below_it(module: Path) -> None:
    here = home(module)
    if here == "__init__":
        return  # the public face: it imports what is asked for, when it is asked for
    above = {there for there in imported(module) if there != here and FLOORS[there] >= FLOORS[here]}
    assert above == set()


def needed(module: Path) -> set[Path]:
    """The modules that a module imports, anywhere in it but for its types."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    named = [
        (node.module or "", alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and id(node) not in types
        for alias in node.names
    ]
    places = [SOURCE.parent.joinpath(*f"{home}.{name}".split(".")).with_suffix(".py") for home, name in named]
    places += [SOURCE.parent.joinpath(*home.split(".")).with_suffix(".py") for home, _ in named]
    return {place for place in places if place in MODULES and place != module}


def test_no_modules_import_one_another_in_a_circle() -> None:
    needs = {module: needed(module) for module in MODULES}
    assert needs[SOURCE / "protocol" / "load.py"] >= {SOURCE / "protocol" / "model.py", SOURCE / "errors.py"}
    while free := [module for module, others in needs.items() if not others & needs.keys()]:
        for module in free:
            del needs[module]
    assert [name_of(module) for module in needs] == []


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_no_module_is_longer_than_one_reads_at_a_sitting(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 450


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_and_its_public_functions_say_what_they_are_for(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree), "a module's first line says what is in it"
    public = [
        node
        for parent in (tree, *(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name[0] != "_"))
        for node in ast.iter_child_nodes(parent)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        if "overload" not in map(ast.unparse, node.decorator_list)
    ]
    assert [node.name for node in public if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_reads_and_writes_text_in_a_named_encoding(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("read_text", "write_text")
        ):
            assert any(k.arg == "encoding" for k in node.keywords), f"line {node.lineno}"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_needs_no_shell(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert "subprocess" not in text
    assert "os.system" not in text


def loaded(code: str) -> set[str]:
    """The heavy packages that are in memory after some code, in a process of its own."""
    ask = f"import sys\n{code}\nprint([m for m in {HEAVY} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    return set(ast.literal_eval(run.stdout.splitlines()[-1]))


def test_importing_armwise_loads_nothing_heavy() -> None:
    assert loaded("import armwise") == set()


def test_asking_for_help_loads_nothing_heavy() -> None:
    code = "from armwise.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    assert loaded(code) == set()


def test_the_witness_of_these_tests_sees_what_is_heavy() -> None:
    assert {"pydantic", "yaml"} <= loaded("import armwise\narmwise.load_protocol")


def test_every_public_name_leads_somewhere() -> None:
    import armwise

    for name in armwise.__all__:
        assert callable(getattr(armwise, name)), name
    assert set(armwise.__all__) <= set(dir(armwise))
    with pytest.raises(AttributeError, match="module 'armwise' has no attribute 'analyze'"):
        armwise.analyze  # noqa: B018

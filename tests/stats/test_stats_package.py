"""The public face of armwise.stats: complete, explained, lazy, and runnable as its docstrings say."""

from __future__ import annotations

import ast
import doctest
import inspect
import pkgutil
import subprocess
import sys
from dataclasses import is_dataclass
from importlib import import_module

import pytest

import armwise.stats

MODULES = sorted(m.name for m in pkgutil.iter_modules(armwise.stats.__path__))


def test_every_public_name_loads_and_has_a_meaning():
    for name, (module, meaning) in armwise.stats.PUBLIC.items():
        thing = getattr(armwise.stats, name)
        assert thing.__module__ == f"armwise.stats.{module}", name
        assert meaning and "\n" not in meaning
        assert inspect.getdoc(thing)


def test_type_checkers_see_the_names_that_are_loaded():
    tree = ast.parse(inspect.getsource(armwise.stats))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.asname for node in block.body for alias in node.names}
    assert seen == set(armwise.stats.PUBLIC) == set(dir(armwise.stats))


def test_no_public_name_is_the_name_of_a_module():
    assert not set(armwise.stats.PUBLIC) & set(MODULES)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"armwise\.stats.*'mean'"):
        armwise.stats.mean  # noqa: B018


def test_every_public_value_is_a_frozen_dataclass():
    for name in armwise.stats.PUBLIC:
        thing = getattr(armwise.stats, name)
        if inspect.isclass(thing):
            assert is_dataclass(thing) and thing.__dataclass_params__.frozen, name


def loaded_by(statement):
    program = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    assert not {"numpy", "scipy", "narwhals", "polars", "pandas"} & loaded_by("import armwise.stats")


def test_all_of_it_never_loads_what_is_slow():
    everything = "; ".join(f"import armwise.stats.{name}" for name in MODULES)
    slow = {"scipy.stats", "statsmodels", "narwhals", "polars", "pandas"}
    assert not slow & loaded_by(everything)


def test_one_method_loads_one_method():
    others = {f"armwise.stats.{name}" for name in ("weighting", "analysis_of_covariance", "ranks", "fisher")}
    assert not others & loaded_by("import armwise.stats.means")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_the_docstrings_run(name):
    module = import_module(f"armwise.stats.{name}")
    assert doctest.testmod(module).failed == 0

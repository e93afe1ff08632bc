"""The function folders have the same shape: who has read one knows where to look in the others."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path.parent for path in (ROOT / "functions").glob("*/main.py"))
SECTIONS = ["What it answers", "Settings"]


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request):
    return request.param


@cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def names(path):
    """What a module defines at its top."""
    found = set()
    for node in parsed(path).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def test_the_three_are_there():
    assert {"alert_bridge", "backfill_reconcile", "km_write"} <= {folder.name for folder in FOLDERS}


@pytest.mark.parametrize(
    "file", ["__init__.py", "main.py", "handler.py", "model.py", "settings.py", "knative.yaml", "README.md"]
)
def test_it_has_the_files(folder, file):
    assert (folder / file).is_file()


def test_it_has_a_core(folder):
    assert (folder / "core.py").is_file() or (folder / "core" / "__init__.py").is_file()


def test_main_composes_and_nothing_else(folder):
    tree = parsed(folder / "main.py")
    found = names(folder / "main.py")

    assert {"settings", "ports", "handle"} <= found
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.If | ast.Try)]


def test_only_main_and_cli_read_the_environment(folder):
    readers = {
        path.name
        for path in folder.rglob("*.py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    assert readers <= {"main.py", "cli.py"}


def test_the_handler_has_ports_and_makes_use_cases(folder):
    found = names(folder / "handler.py")

    assert "Ports" in found
    assert any(name.startswith("create_") and name.endswith("handler") for name in found)


def test_the_model_says_what_comes_in_and_goes_out(folder):
    assert {"ACCEPTS", "EMITS"} <= names(folder / "model.py")


def test_the_settings_are_a_class_of_that_name(folder):
    assert "Settings" in names(folder / "settings.py")


def test_the_decisions_do_no_input_or_output(folder):
    core = [folder / "core.py"] if (folder / "core.py").exists() else sorted((folder / "core").glob("*.py"))
    for path in core:
        tree = parsed(path)
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)], path
        called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert not called & {"open", "print", "datetime.now", "time.time", "time.monotonic", "uuid.uuid4"}, path


def test_the_readme_has_the_sections(folder):
    text = (folder / "README.md").read_text(encoding="utf-8")
    name = folder.name.replace("_", "-")

    assert text.startswith(f"# {name}\n")
    assert [section for section in SECTIONS if f"\n## {section}\n" not in text] == []
    assert "curl " in text


def test_the_manifest_serves_this_folder(folder):
    documents = list(yaml.safe_load_all((folder / "knative.yaml").read_text(encoding="utf-8")))
    (service,) = [document for document in documents if document["kind"] == "Service"]
    (container,) = service["spec"]["template"]["spec"]["containers"]
    env = {item["name"]: item["value"] for item in container["env"]}

    assert service["metadata"]["name"] == folder.name.replace("_", "-")
    assert env["FUNCTION_SOURCE"] == f"functions/{folder.name}/main.py"
    assert env["FUNCTION_TARGET"] == "handle"
    assert int(env["CONCURRENCY"]) == service["spec"]["template"]["spec"]["containerConcurrency"]


def test_every_module_argues_its_design(folder):
    assert [path.name for path in folder.rglob("*.py") if not ast.get_docstring(parsed(path))] == []


def test_no_module_is_long_and_no_function_is(folder):
    for path in folder.rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) < 300, path
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno - node.lineno < 40, f"{path}: {node.name}"

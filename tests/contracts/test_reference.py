"""What is written for people is what the code says."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import pytest

from shared.domain.writes import ACCEPTED
from shared.local import reference

FUNCTIONS = sorted(path.parent.name for path in (reference.ROOT / "functions").glob("*/main.py"))
SHAPE = ("README.md", "core", "handler.py", "knative.yaml", "main.py", "model.py", "settings.py")


@pytest.mark.parametrize("page", reference.pages().items(), ids=lambda page: page[0].name)
def test_generated_pages_are_up_to_date(page: tuple[Path, str]) -> None:
    path, text = page
    assert path.read_text(encoding="utf-8") == text, f"run `make docs`: {path.name} is not what the code says"


def test_no_schema_is_left_of_a_type_that_is_gone() -> None:
    assert set((reference.ROOT / "docs" / "schemas").glob("*.json")) <= set(reference.pages())


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = json.loads((reference.ROOT / "docs" / "asyncapi.json").read_text(encoding="utf-8"))
    references = re.findall(r'"\$ref": "([^"]+)"', json.dumps(document))
    assert references
    for link in references:
        if not link.startswith("#/"):
            assert (reference.ROOT / "docs" / link).is_file()
            continue
        found = document
        for part in link.removeprefix("#/").split("/"):
            found = found[part]


@pytest.mark.parametrize("sample", sorted((reference.ROOT / "shared" / "commands" / "samples").glob("*.json")), ids=str)
def test_a_sample_has_what_its_schema_requires(sample: Path) -> None:
    event = json.loads(sample.read_text(encoding="utf-8"))
    schema = json.loads((reference.ROOT / "docs" / "schemas" / f"{event['type']}.json").read_text(encoding="utf-8"))
    assert schema["$id"].endswith(f"/{event['type']}.json")
    assert set(schema.get("required", [])) <= set(event["data"]) <= set(schema["properties"])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_look_like_neighbours(function: str) -> None:
    folder = reference.ROOT / "functions" / function
    missing = [name for name in SHAPE if not ((folder / name).exists() or (folder / f"{name}.py").exists())]
    assert missing == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_readme_names_every_function(function: str) -> None:
    assert f"functions/{function}/README.md" in (reference.ROOT / "README.md").read_text(encoding="utf-8")


def test_km_write_renders_every_type_that_it_accepts() -> None:
    assert set(importlib.import_module("functions.km_write.model").ACCEPTS) == set(ACCEPTED)


@pytest.mark.parametrize(
    "readme",
    [reference.ROOT / "README.md", *sorted((reference.ROOT / "functions").glob("*/README.md"))],
    ids=lambda path: path.parent.name,
)
def test_links_of_the_readmes_lead_somewhere(readme: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", readme.read_text(encoding="utf-8"))
    assert [link for link in links if not (readme.parent / link).exists()] == []

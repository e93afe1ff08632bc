"""The bootstrap, from an empty folder to a finished environment, without a network: a lock of one tiny package."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from shared.local import bootstrap

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "shared" / "local" / "bootstrap.py"

# Whatever would use ensurepip or another pip, it fails: Debian has neither.
HIDING = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("ensurepip", "pip"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hidden())
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "tiny-project"
version = "1"
"""
BACKEND = """
import zipfile

def build_editable(folder, settings=None, metadata=None):
    name, info = "tiny_project-1-py3-none-any.whl", "tiny_project-1.dist-info/"
    with zipfile.ZipFile(folder + "/" + name, "w") as wheel:
        wheel.writestr("tiny_project.pth", ".")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: tiny-project\\nVersion: 1\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""


def tiny_wheel(folder):
    """A wheel with one module; its SHA-256."""
    folder.mkdir()
    files = {
        "tiny.py": "ANSWER = 42\n",
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {
        name: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        for name, text in files.items()
    }
    record = "".join(f"{name},sha256={digest},{len(files[name])}\n" for name, digest in digests.items())
    path = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {**files, "tiny-1.0.dist-info/RECORD": record}.items():
            wheel.writestr(name, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Place:
    """A repository with a bootstrap, a lock and a project, on a machine without network, pip and ensurepip."""

    def __init__(self, root):
        self.root = root
        self.stamp = root / ".venv" / "stamp.json"
        for folder in ("functions", "shared/local/wheels", "migrations", "requirements", "hiding"):
            (root / folder).mkdir(parents=True)
        shutil.copy(SOURCE, root / "shared" / "local")
        shutil.copy(ROOT / bootstrap.PIP_WHEEL, root / bootstrap.PIP_WHEEL)
        (root / "hiding" / "sitecustomize.py").write_text(HIDING)
        (root / "pyproject.toml").write_text(PYPROJECT)
        (root / "backend.py").write_text(BACKEND)
        self.lock(tiny_wheel(root / "index"))

    def lock(self, digest):
        (self.root / bootstrap.LOCK).write_text(f"tiny==1.0 \\\n    --hash=sha256:{digest}\n")

    def start(self, *arguments):
        environ = {
            "PATH": os.defpath,
            "HOME": str(self.root),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": (self.root / "index").as_uri(),
            "PYTHONPATH": str(self.root / "hiding"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return subprocess.Popen(
            [sys.executable, str(self.root / "shared" / "local" / "bootstrap.py"), *arguments],
            env=environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments):
        with self.start(*arguments) as process:
            said, complained = process.communicate()
        return process.returncode, said, complained

    def python(self, code):
        return subprocess.run(
            [self.root / ".venv" / "bin" / "python", "-c", code], check=True, capture_output=True, text=True
        ).stdout.strip()


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "a folder")


def test_from_a_failed_start_to_a_finished_environment(place):
    # One story, because each pip costs seconds: a wrong package, two makes at once over what it left, and two more.
    right = (place.root / bootstrap.LOCK).read_text()
    place.lock("0" * 64)
    code, _, complained = place.run()
    assert code == 2
    assert "DO NOT MATCH THE HASHES" in complained
    assert complained.splitlines()[-1].startswith("bootstrap: the packages could not be installed")
    assert "PIP_INDEX_URL" in complained.splitlines()[-1]
    assert not place.stamp.exists()

    leftover = place.root / ".venv" / "leftover"
    leftover.touch()
    (place.root / bootstrap.LOCK).write_text(right)
    processes = [place.start(), place.start()]
    heard = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert "".join(said for said, _ in heard).count("Preparing .venv") == 1
    assert [complained for _, complained in heard] == ["", ""]
    assert not leftover.exists()
    answer, cached = place.python("import tiny; print(tiny.ANSWER); print(tiny.__cached__)").splitlines()
    assert answer == "42"
    assert Path(cached).exists()

    made = place.stamp.stat().st_mtime_ns
    assert place.run() == (0, "", "")
    code, said, _ = place.run("--step", "[1/5]")
    assert code == 0
    assert re.fullmatch(r"\[1/5\] tools      Python 3\.\d+\.\d+ · 2 packages +\d+\.\d s\n", said)
    assert place.stamp.stat().st_mtime_ns == made


@pytest.mark.parametrize("changed", [bootstrap.LOCK, Path("pyproject.toml")])
def test_a_change_of_what_it_depends_on_makes_it_anew(place, changed):
    before = bootstrap.fingerprint(place.root)
    assert bootstrap.fingerprint(place.root) == before
    (place.root / changed).write_text((place.root / changed).read_text() + "\n")
    assert bootstrap.fingerprint(place.root) != before


def test_a_tree_that_moved_makes_it_anew(place):
    before = bootstrap.fingerprint(place.root)
    place.root.rename(place.root.with_name("elsewhere"))
    assert bootstrap.fingerprint(place.root.with_name("elsewhere")) != before


def test_a_pip_that_is_not_ours_is_never_run(place):
    wheel = place.root / bootstrap.PIP_WHEEL
    wheel.write_bytes(wheel.read_bytes() + b"!")
    code, _, complained = place.run()
    assert code == 2
    assert "git checkout -- shared/local/wheels" in complained
    assert not (place.root / ".venv").exists()


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ((3, 10), "Python 3.10 is too old; use 3.11 or newer"),
        ((3, 15), "Python 3.15 is newer than the locked wheels"),
    ],
)
def test_an_unsuitable_python_is_told_which_one_to_use(found, sentence):
    with pytest.raises(bootstrap.NotReady, match=re.escape(sentence)):
        bootstrap.check_python(found)


def test_a_python_without_venv_names_the_package(place):
    hiding = place.root / "hiding" / "sitecustomize.py"
    hiding.write_text(HIDING.replace('"ensurepip"', '"venv"'))
    assert place.run() == (
        2,
        "",
        "bootstrap: this Python has no `venv` module; install it and run it again: apt-get install python3-venv\n",
    )


def test_a_full_disk_is_named(tmp_path):
    with pytest.raises(bootstrap.NotReady, match=r"MB are free and \.venv needs"):
        bootstrap.check_room(tmp_path, needed_mb=10**12)


@pytest.mark.parametrize("stamp", ["", "{", "[]", '{"fingerprint": "other", "packages": 3}', '{"fingerprint": "key"}'])
def test_a_stamp_that_is_not_ours_counts_for_nothing(tmp_path, stamp):
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "stamp.json").write_text(stamp)
    assert bootstrap.stamped(tmp_path, "key") is None
    (tmp_path / ".venv" / "stamp.json").write_text(json.dumps({"fingerprint": "key", "packages": 3}))
    assert bootstrap.stamped(tmp_path, "key") == 3


def test_it_needs_the_standard_library_only_and_any_python_can_read_it():
    tree = ast.parse(SOURCE.read_text(), feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_the_pip_in_the_repository_is_the_one_the_bootstrap_means():
    assert hashlib.sha256((ROOT / bootstrap.PIP_WHEEL).read_bytes()).hexdigest() == bootstrap.PIP_SHA256


def test_the_lock_pins_and_hashes_everything_and_names_no_place():
    text = (ROOT / bootstrap.LOCK).read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    requirements = [line for line in lines if not line.startswith(" ")]
    assert len(requirements) > 50
    assert all(re.fullmatch(r"[a-z0-9-]+==[^ ]+( ; [^\\]+)? \\", line) for line in requirements)
    hashes = [line for line in lines if line.startswith(" ")]
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in hashes)
    assert not re.search(r"://|^--|[a-z]+/[a-z]+/", text, re.MULTILINE)
    # A package index may hold a stranger of this project's name.
    assert not [line for line in requirements if line.startswith("aftercare")]

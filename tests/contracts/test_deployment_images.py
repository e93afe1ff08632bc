"""What goes into the images: locks with hashes, packages that are imported, a recipe that leaves no root behind."""

from __future__ import annotations

import re
import subprocess
import tomllib

import grimp
import pytest

from shared.local import materials, stack
from tests.rendering import BASE, ROOT, container, parsed, pod

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FUNCTIONS = sorted(path.parent.name for path in BASE.glob("*/main.py"))
EXTRAS = {name: set(wanted) for name, wanted in PROJECT["optional-dependencies"].items()}
DEV = {package.name: package for package in materials.read(ROOT / "requirements" / "dev.txt")}
RECIPE = (ROOT / "templates/python3-aftercare/Dockerfile").read_text(encoding="utf-8")
# Distributions whose modules have another name.
MODULES = {"pyyaml": "yaml"}
# Loaded by name, when a setting asks for it.
BY_NAME = {"apprise"}


def lock(function):
    return materials.read(ROOT / "requirements" / f"{function}.txt")


def names(requirements):
    return {re.split(r"[^a-z0-9-]", requirement)[0] for requirement in requirements}


def extra(function):
    return names(EXTRAS[function.replace("_", "-")])


@pytest.fixture(scope="module")
def imports():
    return grimp.build_graph("functions", "shared", include_external_packages=True, cache_dir=None)


# Locks.


def test_every_function_has_an_extra_and_a_lock():
    assert {function.replace("_", "-") for function in FUNCTIONS} <= set(EXTRAS)
    assert set(FUNCTIONS) == {path.stem for path in (ROOT / "requirements").glob("*.txt")} - {"dev", "oidc"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_lock_pins_every_package_to_files_that_are_known(function):
    for package in lock(function):
        assert package.sha256 != (), package.name
    text = (ROOT / "requirements" / f"{function}.txt").read_text(encoding="utf-8")
    assert re.findall(r"^--|://", text, re.MULTILINE) == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_lock_holds_what_the_function_wants_and_not_what_others_do(function):
    held = {package.name for package in lock(function)}
    assert names(PROJECT["dependencies"]) | extra(function) <= held
    of_others = set().union(names(EXTRAS["cli"]), *(extra(each) for each in FUNCTIONS)) - extra(function)
    # A package may want what another function names: apprise is configured in YAML.
    assert held & of_others <= ({"pyyaml"} if "apprise" in held else set())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_ships_is_what_is_tested(function):
    assert [package for package in lock(function) if package != DEV.get(package.name, package)] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_extra_is_what_the_function_imports(function, imports):
    others = set().union(*(extra(each) for each in FUNCTIONS)) - BY_NAME
    reached = {
        name
        for name in others
        if imports.chain_exists(importer=f"functions.{function}.main", imported=MODULES.get(name, name))
    }
    assert reached == extra(function) - BY_NAME


# The recipe.


def stages():
    """The instructions of each stage, continued lines joined."""
    text = "\n".join(line for line in RECIPE.splitlines() if not line.startswith("#")).replace("\\\n", " ")
    return [f"FROM {stage}".splitlines() for stage in re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]]


def test_an_image_does_not_run_as_root():
    assert [line for line in stages()[-1] if line.startswith("USER ")] == ["USER 65532"]
    [user] = {container(service)["securityContext"]["runAsUser"] for service in services()}
    assert user == 65532
    assert all("securityContext" not in pod(service) for service in services())  # Knative refuses it there


def test_packages_are_checked_against_their_hashes_and_compiled():
    [install] = [line for stage in stages() for line in stage if "pip install" in line]
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install
    compiled = [line for stage in stages() for line in stage if "compileall" in line]
    assert len(compiled) == 2  # packages and code
    assert all("--invalidation-mode unchecked-hash" in line for line in compiled)


def test_nothing_in_the_recipe_is_whatever_is_newest():
    defaults = dict(line.removeprefix("ARG ").split("=") for line in RECIPE.splitlines() if re.match(r"ARG \w+=", line))
    assert set(defaults) == {"PYTHON_VERSION", "WATCHDOG"}
    assert "latest" not in RECIPE
    assert re.search(r":\d+\.\d+\.\d+$", defaults["WATCHDOG"])


def test_the_watchdog_starts_what_a_manifest_starts():
    text = " ".join(stages()[-1])
    [started] = re.findall(r'fprocess="([^"]+)"', text)
    assert {tuple(started.split())} == {tuple(container(service)["command"]) for service in services()}
    assert "ready_path=/readyz" in text
    assert "http_buffer_req_body" not in text  # with ready_path it makes the watchdog panic
    address = "127.0.0.1:5000"
    assert f"APP_BIND={address}" in text
    assert f"upstream_url=http://{address}" in text


def services():
    for path in BASE.glob("*/knative.yaml"):
        yield from (each for each in parsed(path.read_text(encoding="utf-8")) if each["kind"] == "Service")


def test_the_commands_that_make_the_images():
    commands = [stack.build_command(function) for function in stack.load(environ={}).functions]
    wanted = "docker build --tag registry.example/aftercare/km-write:0.1.0 --build-arg FUNCTION=km_write build/km-write"
    assert wanted in commands
    assert commands == sorted(commands)


def test_make_has_a_target_for_each():
    done = subprocess.run(
        ["make", "-n", "images", "manifests", "sbom", "stack", "lock"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for command in ("shared.local.stack images", "kubectl kustomize functions", "shared.local.materials"):
        assert command in done.stdout


# The bill of materials.


def test_the_bill_names_every_package_of_every_image_once():
    bill = materials.bill()
    packages = {package.purl for function in FUNCTIONS for package in lock(function)}
    listed = [each["purl"] for each in bill["components"] if each["type"] == "library"]
    assert listed == sorted(packages)
    parts = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    assert parts["aftercare"] == sorted(function.replace("_", "-") for function in FUNCTIONS)
    assert parts["km-write"] == sorted(package.purl for package in lock("km_write"))
    assert bill["specVersion"] == "1.6"


def test_the_same_locks_make_the_same_bill():
    assert materials.bill() == materials.bill()


def test_a_lock_with_a_stray_line_is_refused(tmp_path):
    (tmp_path / "x.txt").write_text("a==1 \\\n    --hash=sha256:" + "0" * 64 + "\n--index-url x\n")
    with pytest.raises(ValueError, match="line 3"):
        materials.read(tmp_path / "x.txt")


def test_with_an_extra_an_image_holds_its_lock_too():
    [command, *_] = [stack.build_command(each, extra="oidc") for each in stack.load(environ={}).functions]
    assert "--build-arg EXTRA=oidc --build-arg FUNCTION=" in command
    held = {package.name: package.version for package in lock("oidc")}
    assert {"pyjwt", "cryptography"} <= held.keys()
    assert held == {name: DEV[name].version for name in held}
    [install] = [
        line
        for line in (ROOT / "template" / "python3-aftercare" / "Dockerfile").read_text().splitlines()
        if "${EXTRA:+" in line
    ]
    assert "--requirement requirements/${EXTRA}.txt" in install

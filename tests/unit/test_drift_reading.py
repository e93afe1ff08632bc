"""What drift-check reads, and what it says when it cannot: settings files, manifests, exceptions."""

from __future__ import annotations

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.drift_check.core.acceptances import Acceptance, Acceptances
from functions.drift_check.core.declared import declaration
from functions.drift_check.core.unknowns import CannotTell, Unknown
from functions.drift_check.manifests import entries, select

CONFIGMAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: %s, namespace: %s}
data: {A: "%s"}
"""
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: api, namespace: prod}\nspec: {ports: [{port: 80}]}\n"
TWO = "\n---\n".join(
    [SERVICE, CONFIGMAP % ("api", "prod", 1), CONFIGMAP % ("api", "test", 2), CONFIGMAP % ("b", "c", 3)]
)
CONFIG = "from pydantic_settings import SettingsConfigDict\n"
SETTINGS = "class Settings(BaseSettings):\n    a: int = 1\n"


def sentence(read, text):
    """What it says when it cannot read; None when it can."""
    try:
        read(text)
    except CannotTell as error:
        return str(error)
    return None


class TestSettings:
    @pytest.mark.parametrize(
        ("source", "wanted", "sentence"),
        [
            ("class Settings(", None, r"not Python \(line 1\)"),
            ("a = '\0'", None, "cannot be read as Python|not Python"),
            ("x = " + "(" * 5000, None, "cannot be read as Python|not Python"),
            ("x = " + "-" * 100_000 + "1", None, "cannot be read as Python|not Python|nested too deeply"),
            ("", None, "No class of the file is one of settings"),
            ("class Other:\n    a: int = 1", None, r"name the class, of Other \(line 1\)"),
            (SETTINGS, "Config", r"no class Config in the settings; it has Settings \(line 1\)"),
            (SETTINGS + SETTINGS.replace("Settings(", "Second("), None, r"Settings \(line 1\), Second \(line 3\)"),
            (SETTINGS + SETTINGS, None, "more than one class"),
            (SETTINGS + SETTINGS, "Settings", "more than one class Settings"),
            ("class A(B): pass\nclass B(A): pass", "A", "inherits from itself"),
            ("class A: pass\nclass B(A): pass\nclass S(A, B): pass", "S", "contradict each other"),
            (
                CONFIG + SETTINGS + "    model_config = SettingsConfigDict(env_prefix=prefix())",
                None,
                "env_prefix of the class",
            ),
            (SETTINGS + "    model_config = {**other}", None, "model_config is made when the code runs"),
            (
                CONFIG + SETTINGS + "    model_config = SettingsConfigDict(alias_generator=to_camel)",
                None,
                "aliases by a function",
            ),
            (SETTINGS + "#" * 1024 * 1024, None, "longer than"),
        ],
    )
    def test_what_cannot_be_read_is_said(self, source, wanted, sentence):
        with pytest.raises(CannotTell, match=sentence):
            declaration(source, wanted=wanted)

    @pytest.mark.parametrize(("wanted", "default"), [("Outer.Settings", 1), ("Deep", 2), ("Settings", None)])
    def test_a_class_inside_of_another_is_chosen_by_its_path(self, wanted, default):
        source = "class Outer:\n    class Settings:\n        a: int = 1\n        class Deep:\n            a: int = 2\n"
        source += "class Settings:\n    a: int"
        [field] = declaration(source, wanted=wanted).fields
        assert field.default == default or default is None

    def test_a_given_prefix_stands_in_for_one_that_is_computed(self):
        source = CONFIG + SETTINGS + "    model_config = SettingsConfigDict(env_prefix=prefix())"
        [field] = declaration(source, env_prefix="APP_").fields
        assert field.keys == ("APP_a",)

    @pytest.mark.parametrize(
        "value",
        ["'a' * 10**9", "[[0] * 60000] * 60000", "2 ** 2 ** 20", "'%1000000000d' % 1", "bytes(10**9)", "1 << 10**9"],
    )
    def test_a_value_that_would_be_huge_is_not_made(self, value):
        [field] = declaration(f"class Settings(BaseSettings):\n    a: str = {value}").fields
        assert isinstance(field.default, Unknown)

    @pytest.mark.parametrize("of", ["[{0}, {0}]", "{0} + {0}"])
    def test_constants_that_double_end(self, of):
        lines = ["a0 = ['x']", *(f"a{n} = {of.format(f'a{n - 1}')}" for n in range(1, 60))]
        source = "\n".join([*lines, "class Settings(BaseSettings):", "    a: list = a59"])
        began = time.process_time()
        [field] = declaration(source).fields
        assert isinstance(field.default, Unknown)
        assert time.process_time() - began < 30  # it would take years

    def test_nothing_of_it_is_run(self, tmp_path):
        mark = tmp_path / "mark"
        run = f"__import__('pathlib').Path({str(mark)!r}).touch()"
        source = f"{run}\nclass Settings(BaseSettings):\n    {run}\n    a: int = {run}\n    b: {run} = 1\n"
        declaration(source)
        assert not mark.exists()

    @given(st.text(st.sampled_from("ab :=\n    (),[]{}'\"*+-1@#.")))
    def test_any_text_is_read_or_refused_in_a_sentence(self, text):
        said = sentence(declaration, f"class Settings(BaseSettings):\n    a: int = 1\n    {text}")
        assert said is None or said.endswith(".")


class TestManifests:
    @pytest.mark.parametrize(
        ("chosen", "value"),
        [({"namespace": "test"}, "2"), ({"name": "b"}, "3"), ({"namespace": "prod", "name": "api"}, "1")],
    )
    def test_any_document_may_be_meant(self, chosen, value):
        assert select(TWO, **chosen).data == {"A": value}

    @pytest.mark.parametrize(
        ("text", "chosen", "sentence"),
        [
            (TWO, {}, "More than one ConfigMap is meant; .* api, api, b"),
            (TWO, {"name": "api"}, "More than one ConfigMap is meant"),
            (TWO, {"name": "nope"}, "There is no such ConfigMap"),
            (SERVICE, {}, "There is no such ConfigMap"),
            ("", {}, "There is no such ConfigMap"),
            ("a: [", {}, r"cannot be read \(line"),
            ("\0", {}, "characters that YAML does not allow"),
            ("[" * 100_000, {}, "levels deep"),
            ("? " * 100_000, {}, "levels deep"),
            ("a: *b", {}, "alias without an anchor"),
            ("x" * (8 * 1024 * 1024 + 1), {}, "longer than"),
            (CONFIGMAP.replace('"%s"', "%s") % ("api", "prod", 8080), {}, "A in .* is not a text; quote it"),
            (CONFIGMAP.replace('"%s"', "%s") % ("api", "prod", "true"), {}, "is not a text; quote it"),
            (CONFIGMAP.replace('"%s"', "[%s]") % ("api", "prod", 1), {}, "is not a text"),
            (CONFIGMAP.replace("A:", 'A: "1", A:') % ("api", "prod", 1), {}, "is there twice"),
            (CONFIGMAP.replace("A:", '"<<":') % ("api", "prod", 1), {}, "write the keys out"),
            (CONFIGMAP.replace("A:", '"a b":') % ("api", "prod", 1), {}, "none that Kubernetes takes"),
            (CONFIGMAP.replace('{A: "%s"}', "[%s]") % ("api", "prod", 1), {}, "not a mapping"),
        ],
    )
    def test_what_cannot_be_read_is_said(self, text, chosen, sentence):
        with pytest.raises(CannotTell, match=sentence):
            select(text, **chosen)

    def test_a_list_and_json(self):
        text = '{"kind": "List", "items": [{"kind": "Secret"}, {"kind": "ConfigMap", "metadata": {"name": "a"}}]}'
        assert select(text).data == {}

    def test_what_kustomize_names(self):
        text = CONFIGMAP % ("api-5f2h8k9mtb", "prod", 1)
        assert select(text, name="api").name == "api-5f2h8k9mtb"
        with pytest.raises(CannotTell):
            select(text, name="ap")

    def test_a_manifest_without_a_namespace_is_of_any(self):
        assert select("kind: ConfigMap\nmetadata: {name: a}\n", namespace="prod").place == "a"

    def test_binary_data_is_left_out_and_said_to_be(self):
        found = select(CONFIGMAP % ("api", "prod", 1) + "binaryData: {logo: AAAA}")
        assert found.data == {"A": "1"}
        assert found.notes == ["binaryData is not compared: logo."]

    def test_aliases_do_not_grow(self):
        lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 60))]
        assert select("\n".join(lines) + "\n---" + CONFIGMAP % ("api", "prod", 1)).data == {"A": "1"}

    def test_texts_in_every_style(self):
        text = "kind: ConfigMap\ndata:\n  A: |\n    1\n  B: '2'\n  C: plain\n  D: !!str 4\n  E: &e \"5\"\n  F: *e\n"
        assert select(text).data == {"A": "1\n", "B": "2", "C": "plain", "D": "4", "E": "5", "F": "5"}

    @given(st.text(st.sampled_from("ab:\n -[]{}'\"*&!|>#?,%@`")))
    def test_any_text_is_read_or_refused_in_a_sentence(self, text):
        said = sentence(select, text)
        assert said is None or said.endswith(".")


class TestExceptions:
    DAY = date(2030, 6, 1)

    def of(self, *declared):
        given = [{"owner": "o", "reason": "r", "expires": "2030-06-01", **each} for each in declared]
        return Acceptances([Acceptance.model_validate(each) for each in given], self.DAY)

    def test_it_holds_through_its_last_day(self):
        last, over = {"field": "a"}, {"field": "b", "expires": "2030-05-31"}
        accepted = self.of(last, over)
        assert accepted.holds(accepted.of("a", None))
        assert not accepted.holds(accepted.of("b", None))

    def test_one_in_force_goes_before_one_that_is_over(self):
        accepted = self.of({"field": "a", "expires": "2029-01-01"}, {"field": "*"})
        assert accepted.holds(accepted.of("a", None))

    @pytest.mark.parametrize(
        ("name", "configured", "is_there"), [("a", "1", True), ("a", "2", False), ("b", "1", False)]
    )
    def test_only_this_value(self, name, configured, is_there):
        assert (self.of({"field": "a", "value": "1"}).of(name, configured) is not None) is is_there

    def test_a_star_stands_for_any_characters_and_nothing_else_does(self):
        accepted = self.of({"field": "OTEL_*"})
        assert accepted.of("OTEL_X", None)
        assert not accepted.of("otel_x", None)
        assert not self.of({"field": "OTEL_?"}).of("OTEL_X", None)

    @pytest.mark.parametrize(
        "text", ["", "other: []", "accepted: 1", "accepted: [1]", "accepted: [{a: [1]}]", "a\n---\nb"]
    )
    def test_a_file_that_has_another_shape_is_refused(self, text):
        with pytest.raises(CannotTell):
            entries(text, "accepted")

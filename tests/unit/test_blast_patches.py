"""What a patch touches, and which texts are refused before anybody asks what they mean."""

from __future__ import annotations

import json

import pytest

from functions.gitops_issue.core.assessing import assess
from functions.gitops_issue.core.patches import Patch, read_patch
from functions.gitops_issue.core.policy import Policy
from functions.gitops_issue.core.words import MAX_CHARACTERS


def rule(command):
    return assess(f"kubectl {command}", Policy()).hard_rule


@pytest.mark.parametrize(
    ("document", "places"),
    [
        ({}, [((), {})]),
        ([], []),
        ({"a": 1}, [(("a",), 1)]),
        ({"a": {"b": 1, "c": {}}}, [(("a", "b"), 1), (("a", "c"), {})]),
        ({"a": [1, {"b": 2}], "c": []}, [(("a", "-"), 1), (("a", "-", "b"), 2), (("c",), [])]),
        ([{"op": "add", "path": "/a/b", "value": {"c": 1}}], [(("a", "b", "c"), 1)]),
        ([{"op": "replace", "path": "/a", "value": 1}], [(("a",), 1)]),
        ([{"op": "remove", "path": "/a/0"}], [(("a", "0"), None)]),
        ([{"op": "test", "path": "", "value": 1}], [((), 1)]),
        ([{"op": "add", "path": "/a", "value": 1}, {"op": "remove", "path": "/b"}], [(("a",), 1), (("b",), None)]),
    ],
)
def test_a_patch_touches_these_places(document, places):
    assert read_patch(json.dumps(document)) == Patch(tuple(places))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        '"a"',
        "null",
        "a: b",
        '{"a": 1, "a": 2}',
        '["a"]',
        '[{"op": "copy", "from": "/a", "path": "/b"}]',
        '[{"op": "move", "from": "/a", "path": "/b"}]',
        '[{"op": "add", "value": 1}]',
        '[{"op": "add", "path": 1, "value": 1}]',
        '[{"path": "/a", "value": 1}]',
        '[{"op": "add", "path": "/a", "value": 1}, 1]',
    ],
)
def test_what_is_not_understood_is_no_patch(text):
    assert read_patch(text) is None
    assert rule(f"patch deploy a -n dev -p '{text}'") == "patch:not-understood"


@pytest.mark.parametrize("part", ["command", "args", "exec", "finalizers", "ownerReferences", "$patch"])
def test_a_part_that_no_patch_may_touch_is_found_wherever_it_is(part):
    step = {"op": "replace", "path": f"/spec/{part}/0", "value": "x"}
    for document in ({part: 1}, {"spec": {"a": [{part: []}]}}, [step], [{**step, "path": "/a", "value": {part: 1}}]):
        assert rule(f"patch deploy a -n dev -p '{json.dumps(document)}'") == f"patch:{part}"
    assert rule(f"patch deploy a -n dev -p '{json.dumps({f'{part}s': part})}'") is None


def test_of_several_parts_always_the_same_is_named():
    assert Patch(((("exec",), 1), (("args",), 1))).refused == "args"


@pytest.mark.parametrize(
    ("places", "replicas"),
    [
        ([(("spec", "replicas"), 3)], [3]),
        ([(("replicas",), 2.7)], [2]),
        ([(("spec", "replicas"), True)], []),
        ([(("spec", "replicas"), "0")], []),
        ([(("spec", "replicas"), None)], []),
        ([(("replicas", "spec"), 1)], []),
        ([((), 1)], []),
    ],
)
def test_replicas_are_numbers_at_the_end_of_a_path(places, replicas):
    assert Patch(tuple(places)).replicas == replicas


@pytest.mark.parametrize(
    ("note", "broken"),
    [
        ("drop table x", "text:sql"),
        ("DROP  DATABASE x", "text:sql"),
        ("Drop Schema x", "text:sql"),
        ("truncate table x", "text:sql"),
        ("delete from x", "text:sql"),
        ("update x set y", "text:sql"),
        ("drop tables", None),
        ("update x sets", None),
        ("rm -r x", "text:rm-rf"),
        ("perform -r", None),
        ("rm x", None),
        ("mkfs x", "text:overwrite"),
        ("mkfs.ext4 x", "text:overwrite"),
        ("dd if=x", "text:overwrite"),
        ("add if=x", None),
    ],
)
def test_a_notorious_text_has_a_name(note, broken):
    assert rule(f"annotate pod a -n dev 'note={note}'") == broken


def test_a_command_has_a_length():
    command = "annotate pod a -n dev note="
    longest = "a" * (MAX_CHARACTERS - len(f"kubectl {command}"))

    assert MAX_CHARACTERS == 16_384
    assert rule(command + longest) is None
    assert rule(f"{command}{longest}a") == "text:too-long"


@pytest.mark.parametrize(
    ("command", "broken"),
    [
        ("get pods 'a;b' -n dev", "operand:name"),
        ("get pods a\tb -n dev", None),
        ("get  pods \t a -n dev", None),
        ("get pods 'a'b\"c\"d -n dev", None),
        ("get pods 'a'b\"c -n dev", "shell:open-quote"),
        ("get pods a(b -n dev", "shell:group"),
        ('get pods "a" -n dev', None),
        ("get pods ''a -n dev", None),
        ('get pods "a$b" -n dev', "shell:substitution"),
        ('get pods "a`b" -n dev', "shell:substitution"),
        ('get pods "a\\b" -n dev', "shell:escape"),
        ('get pods "a', "shell:open-quote"),
        ('get pods "', "shell:open-quote"),
        ("get pods a'", "shell:open-quote"),
        ("get pods a;b", "shell:chain"),
        ("get pods a\nb", "text:several-lines"),
        ("get pods a\rb", "text:several-lines"),
        ("get pods a\x0bb", "text:not-plain"),
        ("get pods a\x7fb", "text:not-plain"),
        ("get pods a^b", "text:not-plain"),
        ('annotate pod a -n dev \'note=a;b\' "c=\\"d\\\\"', None),
    ],
)
def test_quotes_are_read_as_a_shell_reads_them(command, broken):
    assert rule(command) == broken

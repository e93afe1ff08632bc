from __future__ import annotations

import json
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import InvalidEvent, Malformed, Unprocessable
from shared.domain.strict_json import DEFAULT, JsonLimits, count_nodes, loads

CANARY = "CANARY-6f1d"

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**19) + 1, 10**19 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(text, inner, max_size=5))


@given(values, st.booleans())
def test_what_the_standard_library_writes_is_read_back(value, ascii_only):
    assert loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(values, st.integers(1, 6), st.integers(1, 40), st.sampled_from([None, 1]))
def test_limits_are_exact(value, depth, nodes, indent):
    body = json.dumps(value, indent=indent).encode()
    limits = JsonLimits(depth=depth, nodes=nodes)
    if count_nodes(value) > nodes or depth_of(value) > depth:
        with pytest.raises(Unprocessable):
            loads(body, limits)
    else:
        assert loads(body, limits) == value


def depth_of(value):
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


@given(st.binary(max_size=60) | st.text('{}[]",:\\u0d8 1e-.\n', max_size=60).map(str.encode))
def test_any_bytes_are_json_or_refused(body):
    try:
        value = loads(body, JsonLimits(depth=4, nodes=9))
    except InvalidEvent:
        return
    assert json.loads(body) == value
    assert depth_of(value) <= 4
    assert count_nodes(value) <= 9


REFUSED = {
    "empty": b"",
    "only spaces": b"  \n",
    "not JSON": b"hello " + CANARY.encode(),
    "cut short": b'{"a": "' + CANARY.encode(),
    "trailing data": b'{"a": 1} {"b": 2}',
    "trailing comma": b'{"a": 1,}',
    "single quotes": b"{'a': 1}",
    "comment": b'{"a": 1} // no',
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-16 without mark": '{"a": 1}'.encode("utf-16-le"),
    "Latin-1": b'{"a": "caf\xe9"}',
    "overlong slash": b'{"a": "\xc0\xaf"}',
    "raw surrogate": b'{"a": "\xed\xa0\x80"}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "-Infinity": b"[-Infinity]",
    "float overflow": b'{"a": 1e999}',
    "negative overflow": b"[-1e999]",
    "overflow by digits": b"[" + b"9" * 350 + b".0]",
    "endless fraction": b"[0." + b"1" * 100_000 + b"]",
    "20 digits": b"[12345678901234567890]",
    "20 negative digits": b"[-12345678901234567890]",
    "5,000 digits": b"[" + b"7" * 5_000 + b"]",
    "a million digits": b"[" + b"7" * 1_000_000 + b"]",
    "duplicate key": b'{"a": 1, "a": 2}',
    "duplicate key, escaped": b'{"a": 1, "\\u0061": 2}',
    "duplicate key inside": b'[{"x": {"a": 1, "b": 2, "a": 1}}]',
    "raw NUL": b'{"a": "x\x00y"}',
    "escaped NUL": b'{"a": "x\\u0000y"}',
    "NUL in a key": b'{"x\\u0000": 1}',
    "lone high surrogate": b'["\\ud83d"]',
    "lone low surrogate": b'["\\uDE00"]',
    "reversed pair": b'["\\ude00\\ud83d"]',
    "surrogate in a key": b'{"\\ud800": 1}',
    "surrogate beside a pair": b'["\\ud83d\\ude00\\ud83d"]',
    "raw line break": b'["a\nb"]',
    "unknown escape": b'["\\x41"]',
    "half an escape": b'["\\u12"]',
    "more closed than opened": b"]" * 100_000,
    "never closed": b"[" * 9_000,
    "objects never closed": b'{"a":' * 9_000,
    "mismatched": b"[" * 20 + b"}" * 20,
    "quotes without end": b'"' + b'\\"' * 200_000,
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_refused_in_one_sentence_that_repeats_nothing(body):
    with pytest.raises(Malformed) as caught:
        loads(body)
    message = str(caught.value)
    assert message
    assert "\n" not in message
    assert len(message) < 120
    assert CANARY not in message
    assert caught.value.__context__ is None, "the decoder's own error carries the body"


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]"), (b" [\n", b" ]")])
@pytest.mark.parametrize("depth", [33, 1_000, 100_000])
def test_too_deep_is_refused_before_it_is_parsed(opening, closing, depth):
    with pytest.raises(Unprocessable, match=r"32 levels|10000 values"):
        loads(opening * depth + b"1" + closing * depth)


def test_too_deep_is_refused_on_a_nearly_exhausted_stack():
    outcome = []

    def descend(left):
        if left:
            return descend(left - 1)
        with pytest.raises(Unprocessable):
            loads(b"[" * 100_000 + b"]" * 100_000)
        return outcome.append("refused")

    thread = threading.Thread(target=descend, args=(sys.getrecursionlimit() - 80,))
    thread.start()
    thread.join()
    assert outcome == ["refused"]


def test_depth_and_size_just_within_the_limits_are_read():
    deep = b"[" * 32 + b"]" * 32
    wide = json.dumps(["[,{" for _ in range(9_999)]).encode()
    assert depth_of(loads(deep)) == 32
    assert count_nodes(loads(wide)) == DEFAULT.nodes
    with pytest.raises(Unprocessable, match="10000 values"):
        loads(json.dumps([0] * 10_000).encode())


def test_brackets_and_commas_inside_strings_do_not_count():
    prose = {"content": "[" * 500 + '\\"' + "{," * 20_000, "}]": "\\"}
    assert loads(json.dumps(prose).encode()) == prose


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
        (b'"\\\\u0000 \\\\ud800"', "\\u0000 \\ud800"),
        (b"9999999999999999999", 9_999_999_999_999_999_999),
        (b"-9999999999999999999", -9_999_999_999_999_999_999),
        (b"1e308", 1e308),
        (b"1e-999", 0.0),
        (b"-0", 0),
        (b" \t\r\n[ ] \n", []),
        ('{"標題": "重啟"}'.encode(), {"標題": "重啟"}),
        (b'{"a": {"a": 1}, "b": {"a": 1}}', {"a": {"a": 1}, "b": {"a": 1}}),
    ],
)
def test_unusual_but_proper_json_is_read(body, value):
    assert loads(body) == value

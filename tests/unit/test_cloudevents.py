from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent as SdkEvent
from cloudevents.http import from_http
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import InvalidEvent, Malformed, TooLarge, Unprocessable, UnsupportedMedia
from shared.domain.events import Event
from shared.runtime.cloudevents import ContentMode, binary_body, binary_headers, dumps_structured, kind, parse

CANARY = "CANARY-6f1d"
STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
MINIMAL = {"specversion": "1.0", "id": "1", "source": "/test", "type": "t"}
BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/test", "ce-type": "t"}

printable = st.characters(min_codepoint=0x20, max_codepoint=0x7E)


def attribute(longest):
    return st.text(printable, min_size=1, max_size=longest).map(str.strip).filter(bool)


json_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
json_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | json_text
)
json_values = st.recursive(
    json_scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(json_text, inner, max_size=4),
    max_leaves=12,
)
core = {"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema", "data"}
names = st.from_regex(r"[a-z0-9]{1,64}", fullmatch=True).filter(lambda name: name not in core)
events = st.builds(
    Event,
    id=attribute(128),
    source=st.from_regex(r"([A-Za-z0-9._~:/?#@!$&'()*+,;=\[\]-]|%[0-9A-F]{2}){1,80}", fullmatch=True),
    type=attribute(256),
    time=st.none() | st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    subject=st.none() | attribute(256),
    data=json_values,
    extensions=st.dictionaries(names, st.text(printable, max_size=200), max_size=4),
)


def structured(**attributes):
    return json.dumps({**MINIMAL, **attributes}).encode()


@given(events)
def test_structured_round_trip(event):
    body = dumps_structured(event)
    assert body.isascii()
    assert b"\n" not in body
    assert parse(STRUCTURED, body) == [event]


@given(events)
def test_binary_round_trip(event):
    headers = binary_headers(event)
    for name, value in headers.items():
        assert name == name.lower()
        assert all("\x21" <= character <= "\x7e" for character in value)
    assert parse(headers, binary_body(event)) == [event]


@given(st.lists(events, min_size=1, max_size=5))
def test_batch_round_trip(batch):
    body = b"[" + b",".join(map(dumps_structured, batch)) + b"]"
    assert parse(BATCH, body) == batch


@given(events)
def test_the_sdk_reads_what_we_write(event):
    read = from_http(STRUCTURED, dumps_structured(event))
    assert (read["id"], read["source"], read["type"]) == (event.id, event.source, event.type)
    assert read.get("subject") == event.subject
    assert event.data in (read.data, "")  # the SDK makes nothing of an empty text
    assert {name: read[name] for name in event.extensions} == event.extensions


@given(events)
def test_the_sdk_reads_our_binary_headers_where_nothing_is_escaped(event):
    headers = binary_headers(event)
    read = from_http(headers, binary_body(event))
    for name, value in headers.items():
        if name.startswith("ce-") and "%" not in value and name != "ce-time":
            assert read[name[3:]] == value
    assert isinstance(event.data, str | None) or read.data == event.data


@given(events, st.booleans())
def test_we_read_what_the_sdk_writes(event, binary):
    attributes = {"id": event.id, "source": "/sdk", "type": event.type, **event.extensions}
    if binary:  # the SDK does not escape what it puts into headers
        attributes = {name: value for name, value in attributes.items() if not set(value) & set('%" ') and value}
    written = SdkEvent({"type": "t", "source": "/sdk", "id": "1", **attributes}, event.data)
    headers, body = to_binary(written) if binary else to_structured(written)
    headers = {name.lower(): value for name, value in headers.items()}
    [read] = parse(headers, body if isinstance(body, bytes) else (body or "").encode())
    assert read.id == written["id"]
    assert read.type == written["type"]
    assert read.data == event.data
    assert read.time is not None
    assert read.extensions == {name: value for name, value in event.extensions.items() if name in attributes}


@given(
    st.dictionaries(
        st.sampled_from(["content-type", "ce-id", "ce-time", "ce-specversion", "ce-source", "ce-type", "ce-x"]),
        st.text(max_size=20)
        | st.sampled_from(["application/json", "application/cloudevents+json", "1.0", "%0d%0aX: 1"]),
    ),
    st.binary(max_size=40) | json_values.map(json.dumps).map(str.encode),
)
def test_anything_is_an_event_or_refused(headers, body):
    try:
        read = parse(headers, body)
    except InvalidEvent:
        return
    for event in read:
        attributes = [event.id, event.source, event.type, event.subject or "", *event.extensions.values()]
        assert all(value.isascii() and value.isprintable() for value in attributes)


@pytest.mark.parametrize(
    ("headers", "body", "mode"),
    [
        (STRUCTURED, b"{}", ContentMode.STRUCTURED),
        ({"content-type": "Application/CloudEvents+JSON; charset=UTF-8"}, b"{}", ContentMode.STRUCTURED),
        ({**STRUCTURED, **BINARY}, b"{}", ContentMode.STRUCTURED),
        (BATCH, b"[]", ContentMode.BATCH),
        ({**BINARY, "content-type": "application/json"}, b"{}", ContentMode.BINARY),
        (BINARY, b"", ContentMode.BINARY),
        ({"ce-id": "1"}, b"", ContentMode.BINARY),
        ({**BINARY, "content-type": "text/plain"}, b"x", ContentMode.BINARY),
        ({"content-type": 'application/json; charset="utf-8"'}, b"{}", ContentMode.PLAIN_JSON),
        ({"content-type": "application/json", "content-encoding": "identity"}, b"", ContentMode.PLAIN_JSON),
        ({"x-topic": "cron-function", "x-connector": "cron-connector"}, b"", ContentMode.TICK),
    ],
)
def test_kind(headers, body, mode):
    assert kind(headers, body) is mode


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"{}"),
        ({"content-type": "text/plain"}, b""),
        ({"content-type": "text/json"}, b"{}"),
        ({"content-type": "application/cloudevents"}, b"{}"),
        ({"content-type": "application/cloudevents+xml"}, b"{}"),
        ({"content-type": "application/cloudevents-batch"}, b"[]"),
        ({"content-type": "application/x-www-form-urlencoded"}, b"{}"),
        ({"content-type": "application/json; charset=utf-16"}, b"{}"),
        ({"content-type": "application/cloudevents+json; charset=latin1"}, b"{}"),
        ({"content-type": "application/json", "content-encoding": "gzip"}, b"{}"),
    ],
)
def test_unsupported_kinds(headers, body):
    with pytest.raises(UnsupportedMedia):
        kind(headers, body)


@pytest.mark.parametrize("headers", [{}, {"content-type": "application/json"}])
def test_what_is_no_event_is_not_parsed(headers):
    with pytest.raises(UnsupportedMedia):
        parse(headers, b"")


REFUSED_ATTRIBUTES = {
    "old specversion": {"specversion": "0.3"},
    "numeric specversion": {"specversion": 1.0},
    "no specversion": {"specversion": None},
    "empty id": {"id": ""},
    "no id": {"id": None},
    "numeric id": {"id": 7},
    "id of 129": {"id": "x" * 129},
    "id with a line break": {"id": f"a\r\nSet-Cookie: {CANARY}"},
    "id outside ASCII": {"id": "é"},
    "id of spaces": {"id": "  "},
    "id with spaces around": {"id": " 1"},
    "no source": {"source": None},
    "empty source": {"source": ""},
    "source with a space": {"source": f"/a {CANARY}"},
    "source with a stray percent": {"source": "/a%zz"},
    "source of 513": {"source": "/" * 513},
    "no type": {"type": None},
    "type of 257": {"type": "x" * 257},
    "type with a tab": {"type": "a\tb"},
    "empty subject": {"subject": ""},
    "subject of 257": {"subject": "x" * 257},
    "subject outside ASCII": {"subject": "事件"},
    "time without offset": {"time": "2026-01-01T00:00:00"},
    "time with a space": {"time": "2026-01-01 00:00:00Z"},
    "date alone": {"time": "2026-01-01"},
    "basic format": {"time": "20260101T000000Z"},
    "week date": {"time": "2026-W01-1T00:00:00Z"},
    "leap second": {"time": "2016-12-31T23:59:60Z"},
    "hour 24": {"time": "2026-01-01T24:00:00Z"},
    "February 30": {"time": "2026-02-30T00:00:00Z"},
    "offset of a day": {"time": "2026-01-01T00:00:00+24:00"},
    "offset of 60 minutes": {"time": "2026-01-01T00:00:00+23:60"},
    "1969 in UTC": {"time": "1970-01-01T00:00:00+00:01"},
    "year 10000 in UTC": {"time": "9999-12-31T23:59:59-00:01"},
    "year 1": {"time": "0001-01-01T00:00:00Z"},
    "Arabic digits": {"time": "٢٠٢٦-01-01T00:00:00Z"},
    "numeric time": {"time": 1_700_000_000},
    "dataschema no text": {"dataschema": 1},
    "upper-case extension": {"correlationId": CANARY},
    "extension with an underscore": {"incident_id": CANARY},
    "extension name of 65": {"x" * 65: CANARY},
    "empty extension name": {"": CANARY},
    "extension list": {"ext": [CANARY]},
    "extension object": {"ext": {"a": CANARY}},
    "extension float": {"ext": 0.5},
    "extension with a line break": {"ext": f"{CANARY}\n"},
    "extension of 4097": {"ext": "x" * 4097},
    "65 extensions": {f"ext{n}": n for n in range(65)},
    "data twice": {"data": {}, "data_base64": "e30="},
    "data_base64 no text": {"data_base64": 1},
    "data_base64 no Base64": {"data_base64": "e30=!"},
    "data_base64 no JSON": {"data_base64": base64.b64encode(CANARY.encode()).decode()},
    "datacontenttype no text": {"datacontenttype": 1},
}


@pytest.mark.parametrize("attributes", REFUSED_ATTRIBUTES.values(), ids=REFUSED_ATTRIBUTES)
def test_refused_attributes_are_not_repeated(attributes):
    with pytest.raises(Malformed) as caught:
        parse(STRUCTURED, structured(**attributes))
    assert CANARY not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "headers",
    [
        {"ce-id": "caf\xc3\xa9"},
        {"ce-id": "%C3%A9"},
        {"ce-id": "%ff"},
        {"ce-id": "a%0D%0AX-Evil: 1"},
        {"ce-id": "%00"},
        {"ce-id": ""},
        {"ce-id": '""'},
        {"ce-specversion": "0.3"},
        {"ce-source": "a%20b"},
        {"ce-time": "now"},
        {"ce-data": "x"},
        {"ce-datacontenttype": "application/json"},
        {"ce-my_ext": "x"},
        {"ce-": "x"},
    ],
)
def test_refused_binary_attributes(headers):
    with pytest.raises(Malformed):
        parse({**BINARY, **headers}, b"{}")


@pytest.mark.parametrize("missing", BINARY)
def test_binary_mode_needs_every_required_attribute(missing):
    with pytest.raises(Malformed):
        parse({name: value for name, value in BINARY.items() if name != missing}, b"{}")


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("a%20b", "a b"),
        ("50%25", "50%"),
        ("50%", "50%"),  # senders that do not escape
        ("%2B%2f", "+/"),
        ("%2520", "%20"),  # one round only
        ('"a b"', "a b"),
        (r'"a \"b\" \\"', 'a "b" \\'),
        ("  a\t", "a"),
    ],
)
def test_header_values_are_unquoted_and_decoded_once(raw, value):
    [event] = parse({**BINARY, "ce-subject": raw}, b"{}")
    assert event.subject == value


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31t12:00:00z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.5+05:30", datetime(2026, 1, 31, 6, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-01-31T12:00:00.123456789-00:00", datetime(2026, 1, 31, 12, 0, 0, 123_456, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_utc(text, moment):
    [event] = parse(STRUCTURED, structured(time=text))
    assert event.time == moment
    assert event.time.tzinfo is UTC


def test_times_are_written_in_utc():
    east = datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=8)))
    event = Event(id="1", source="/s", type="t", time=east)
    assert json.loads(dumps_structured(event))["time"] == "2026-01-31T04:00:00Z"
    assert binary_headers(event)["ce-time"] == "2026-01-31T04:00:00Z"


def test_extensions_become_text_and_unset_ones_are_absent():
    body = structured(flag=True, count=-3, none=None, traceparent="00-ab-cd-01", dataschema="https://x/y", subject=None)
    [event] = parse(STRUCTURED, body)
    assert event.extensions == {"flag": "true", "count": "-3", "traceparent": "00-ab-cd-01"}
    assert event.subject is None


@pytest.mark.parametrize(
    "content_type", [None, "application/json", "application/vnd.x+json; charset=utf-8", "text/json"]
)
def test_data_is_json_in_every_spelling(content_type):
    data = {"標題": [1, None]}
    encoded = base64.b64encode(json.dumps(data).encode()).decode()
    as_header = {} if content_type is None else {"content-type": content_type}
    [plain] = parse(STRUCTURED, structured(data=data, datacontenttype=content_type))
    [wrapped] = parse(STRUCTURED, structured(data_base64=encoded, datacontenttype=content_type))
    [binary] = parse({**BINARY, **as_header}, json.dumps(data).encode())
    assert plain.data == wrapped.data == binary.data == data


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/octet-stream", "json"])
def test_data_that_is_not_json_is_unsupported(content_type):
    with pytest.raises(UnsupportedMedia):
        parse(STRUCTURED, structured(data="x", datacontenttype=content_type))
    with pytest.raises(UnsupportedMedia):
        parse({**BINARY, "content-type": content_type}, b"x")


@pytest.mark.parametrize("body", [b"{", b"hello", b'{"a":1,"a":2}', b"NaN", b'"\\ud800"'])
def test_data_is_read_as_strictly_as_documents(body):
    with pytest.raises(Malformed):
        parse(BINARY, body)
    with pytest.raises(Malformed):
        parse(STRUCTURED, structured(data_base64=base64.b64encode(body).decode()))
    with pytest.raises(Malformed):
        parse(STRUCTURED, b'{"data":' + body + b"," + structured()[1:])


@pytest.mark.parametrize("headers", [BINARY, STRUCTURED])
def test_the_deepest_and_widest_data_can_be_written_again(headers):
    def fits(data):
        body = json.dumps(data).encode()
        if headers is STRUCTURED:
            body = structured(data_base64=base64.b64encode(body).decode())
        try:
            [event] = parse(headers, body)
        except Unprocessable:
            return False
        return parse(STRUCTURED, dumps_structured(event)) == [event]

    deep = 0
    for _ in range(30):
        deep = [deep]
    assert fits([deep])
    assert not fits([[deep]])
    assert fits([0] * 9_899)
    assert not fits([0] * 9_900)


@pytest.mark.parametrize("body", [b"[]", b"{}", b"1", b'[{"id":"1"}]', b"[1]", b"[null]", b"[[]]"])
def test_batches_that_are_none(body):
    with pytest.raises(Malformed):
        parse(BATCH, body)


def test_a_batch_has_at_most_500_events_and_one_bad_event_refuses_it():
    tags = list(range(60))  # 500 of these have more than the 10,000 values one document may have
    good = [{**MINIMAL, "id": str(number), "data": {"tags": tags}} for number in range(500)]
    assert [event.id for event in parse(BATCH, json.dumps(good).encode())] == [str(number) for number in range(500)]
    with pytest.raises(TooLarge):
        parse(BATCH, json.dumps([*good, MINIMAL]).encode())
    with pytest.raises(Malformed):
        parse(BATCH, json.dumps([*good[:499], {**MINIMAL, "id": ""}]).encode())


def test_each_event_of_a_batch_is_held_to_the_limits_of_one():
    with pytest.raises(Unprocessable):
        parse(BATCH, json.dumps([MINIMAL, {**MINIMAL, "data": [0] * 10_000}]).encode())
    with pytest.raises(Unprocessable):
        parse(BATCH, json.dumps([[0] * 60_000]).encode())


@pytest.mark.parametrize("name", ["", "Bad", "a-b", "a\r\nb", "x" * 65, "id", "data", "datacontenttype"])
def test_extensions_that_cannot_be_headers_are_not_written(name):
    with pytest.raises(ValueError, match="extension"):
        binary_headers(Event(id="1", source="/s", type="t", extensions={name: "x"}))


def test_data_that_is_not_json_is_not_written():
    event = Event(id="1", source="/s", type="t", data={"value": float("nan")})
    with pytest.raises(ValueError, match="JSON compliant"):
        dumps_structured(event)
    with pytest.raises(ValueError, match="JSON compliant"):
        binary_body(event)

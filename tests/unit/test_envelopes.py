from __future__ import annotations

import json

import pytest
from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent, from_http
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import Malformed
from shared.local.knative import envelopes
from shared.local.knative.envelopes import STRUCTURED, Envelope

CORE = {"specversion": "1.0", "id": "e-1", "source": "/test", "type": "dev.aftercare.alert.resolved.v1"}


def structured(**fields):
    return {"content-type": STRUCTURED}, json.dumps({**CORE, **fields}).encode()


@pytest.mark.parametrize("write", [to_binary, to_structured])
def test_reads_what_the_official_sdk_writes(write):
    event = CloudEvent({**CORE, "subject": "INC-1", "datacontenttype": "application/json"}, {"a": [1, "é"]})
    headers, body = write(event)
    envelope = envelopes.read(headers, body)
    assert {name: envelope.attributes[name] for name in [*CORE, "subject"]} == {**CORE, "subject": "INC-1"}
    assert json.loads(envelope.data) == {"a": [1, "é"]}


def test_the_official_sdk_reads_what_we_write():
    headers, body = envelopes.write(
        Envelope({**CORE, "tier": "dual", "datacontenttype": "application/json"}, b'{"a":1}')
    )
    event = from_http(headers, body)
    assert event.get_attributes().items() >= {**CORE, "tier": "dual"}.items()
    assert event.data == {"a": 1}


@pytest.mark.parametrize(
    ("fields", "data", "media_type"),
    [
        ({"data": {"b": 1, "a": None}}, b'{"b":1,"a":null}', "application/json"),
        ({"data": "text"}, b'"text"', "application/json"),
        ({"data": "text", "datacontenttype": "text/plain; charset=utf-8"}, b"text", "text/plain; charset=utf-8"),
        ({"data": "<a/>", "datacontenttype": "application/problem+json"}, b'"<a/>"', "application/problem+json"),
        ({"data_base64": "AAE=", "datacontenttype": "image/png"}, b"\0\1", "image/png"),
        ({"data": None}, b"", None),
        ({}, b"", None),
    ],
)
def test_structured_data(fields, data, media_type):
    envelope = envelopes.read(*structured(**fields))
    assert envelope.data == data
    assert envelope.attributes.get("datacontenttype") == media_type


def test_extensions_become_text():
    envelope = envelopes.read(*structured(flag=True, count=7, gone=None, empty=""))
    assert envelope.attributes == {**CORE, "flag": "true", "count": "7"}


names = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12).filter(
    lambda name: name not in ("data", "time", "datacontenttype", *CORE)
)
values = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)


@given(st.dictionaries(names, values, max_size=4), st.binary(max_size=20))
def test_binary_mode_keeps_every_character(extensions, data):
    attributes = {**CORE, **extensions, **({"datacontenttype": "application/octet-stream"} if data else {})}
    headers, body = envelopes.write(Envelope(attributes, data))
    assert all(0x20 < ord(char) < 0x7F for name, value in headers.items() if name[:3] == "ce-" for char in value)
    assert envelopes.read(headers, body) == Envelope(attributes, data)


@pytest.mark.parametrize(
    ("headers", "body"), [({}, b""), ({"content-type": "application/json"}, b"{}"), ({"ce-id": "1"}, b"")]
)
def test_what_claims_nothing_is_no_event(headers, body):
    assert envelopes.read(headers, body) is None


@pytest.mark.parametrize("name", sorted(CORE))
@pytest.mark.parametrize("value", [None, ""])
def test_required_attributes(name, value):
    with pytest.raises(Malformed, match=f"{name} is missing"):
        envelopes.read(*structured(**{name: value}))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b"\xff", b"[" * 100_000, b'{"data": NaN}', b'{"data": 1e999}', b'{"data": "\\ud800"}',
     b'{"data": ' + b"9" * 5_000 + b"}", b'{"data_base64": "%"}', b'{"data_base64": 7}', b'{"tags": ["a"]}',
     b'{"tags": {}}', b'{"ratio": 0.5}', b'{"in_cident": "a"}', b'{"subject": "a\\nb"}', b'{"subject": "\\ud800"}',
     b'{"specversion": "0.3"}', b'{"time": "yesterday"}', b'{"time": "2026-01-01T00:00:00"}',
     b'{"datacontenttype": " text/plain "}', b'{"datacontenttype": "t\xc3\xa9xt/plain"}'],
    ids=lambda body: body[:30].decode(errors="replace"),
)  # fmt: skip
def test_malformed(body):
    if body.startswith(b"{") and body.endswith(b"}"):
        body = json.dumps(CORE).encode()[:-1] + b", " + body[1:]
    with pytest.raises(Malformed):
        envelopes.read({"content-type": STRUCTURED}, body)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/cloudevents-batch+json"},
        {"ce-specversion": "1.0"},
        {**{f"ce-{name}": value for name, value in CORE.items()}, "ce-subject": "%ff"},
        {**{f"ce-{name}": value for name, value in CORE.items()}, "ce-in-cident": "1"},
        {**{f"ce-{name}": value for name, value in CORE.items()}, "ce-subject": "a%00b"},
    ],
)
def test_malformed_headers(headers):
    with pytest.raises(Malformed):
        envelopes.read(headers, b"")


def test_document_shows_json_as_json_and_the_rest_encoded():
    assert envelopes.document(Envelope(CORE, b'{"a":1}'))["data"] == {"a": 1}
    assert envelopes.document(Envelope(CORE, b"\xff"))["data_base64"] == "/w=="
    assert "data" not in envelopes.document(Envelope(CORE))

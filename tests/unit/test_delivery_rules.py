from __future__ import annotations

import base64

import pytest

from shared.local.knative import delivery_rules
from shared.local.knative.delivery_rules import Accepted, Refused
from shared.local.knative.envelopes import Envelope
from shared.local.knative.manifests import Delivery

EVENT = {"ce-id": "1", "ce-source": "/s", "ce-type": "t", "ce-specversion": "1.0"}
RETRIED = {404, 408, 409, 429, 500, 501, 502, 503, 504, 599}
AT_ONCE = {100, 102, 300, 301, 302, 304, 400, 401, 402, 403, 405, 410, 413, 415, 422, 499}


@pytest.mark.parametrize("status", sorted(RETRIED))
def test_is_retried(status):
    assert delivery_rules.judge(status, {}, b"") == Refused(status)
    assert Refused(status).is_retried


@pytest.mark.parametrize("status", sorted(AT_ONCE))
def test_is_a_dead_letter_at_once(status):
    assert delivery_rules.judge(status, {}, b"") == Refused(status)
    assert not Refused(status).is_retried


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success_with_an_empty_body(status):
    assert delivery_rules.judge(status, {"content-type": "text/html"}, b"") == Accepted()


def test_success_with_an_event_is_a_reply():
    answer = delivery_rules.judge(200, {**EVENT, "content-type": "application/json"}, b"{}")
    assert answer == Accepted(
        Envelope(
            {"id": "1", "source": "/s", "type": "t", "specversion": "1.0", "datacontenttype": "application/json"}, b"{}"
        )
    )


def test_a_reply_needs_no_data():
    assert delivery_rules.judge(200, EVENT, b"") == Accepted(
        Envelope({"id": "1", "source": "/s", "type": "t", "specversion": "1.0"})
    )


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "text/html"}, b"OK"),
        ({"content-type": "application/json"}, b"{}"),
        ({}, b" "),
        ({"content-type": "application/cloudevents+json"}, b"{}"),
        ({"content-type": "application/cloudevents+json"}, b""),
        ({"content-type": "application/cloudevents-batch+json"}, b"[]"),
        ({**EVENT, "ce-specversion": "0.3"}, b""),
    ],
)
def test_success_with_any_other_body_is_a_502(headers, body):
    answer = delivery_rules.judge(200, headers, body)
    assert answer == Refused(502, body)
    assert answer.is_retried


def test_silence_is_a_retried_500():
    assert delivery_rules.no_answer("ConnectionRefusedError") == Refused(500, b"dispatch error: ConnectionRefusedError")
    assert delivery_rules.no_answer("").is_retried


def test_a_dead_letter_sink_may_say_anything():
    assert delivery_rules.judge_dead_letter(200, b"OK") == Accepted()
    assert delivery_rules.judge_dead_letter(503, b"") == Refused(503)


@pytest.mark.parametrize(
    ("policy", "pauses"),
    [("exponential", [2.0, 4.0, 8.0, 16.0]), ("linear", [0.0, 2.0, 4.0, 6.0]), (None, [0.0, 0.0, 0.0, 0.0])],
)
def test_pauses_as_knative_computes_them(policy, pauses):
    delivery = Delivery(retry=4, backoff_policy=policy, backoff_delay_s=2.0)
    assert [delivery_rules.pause_s(delivery, attempts) for attempts in range(1, 5)] == pauses


@pytest.mark.parametrize(
    ("retry", "delay_s", "total_s"), [(12, 1.0, 4095.0), (10, 0.2, 204.6)], ids=["ours: 68 min", "Knative's default"]
)
def test_all_pauses_together(retry, delay_s, total_s):
    delivery = Delivery(retry=retry, backoff_policy="exponential", backoff_delay_s=delay_s)
    assert sum(delivery_rules.pause_s(delivery, n) for n in range(1, retry + 1)) == pytest.approx(total_s)


def test_error_extensions():
    extensions = delivery_rules.error_extensions("http://127.0.0.1:9001/", Refused(422, b"no"))
    assert extensions == {
        "knativeerrordest": "http://127.0.0.1:9001/",
        "knativeerrorcode": "422",
        "knativeerrordata": base64.b64encode(b"no").decode(),
    }


def test_error_data_is_cut():
    data = delivery_rules.error_extensions("http://x/", Refused(500, b"x" * 5000))["knativeerrordata"]
    assert len(data) == 1024
    assert base64.b64decode(data) == b"x" * 768


@pytest.mark.parametrize(
    ("attributes", "ttl"),
    [({}, 255), ({"knativebrokerttl": "255"}, 254), ({"knativebrokerttl": "2"}, 1), ({"knativebrokerttl": "1"}, 0),
     ({"knativebrokerttl": "0"}, 0), ({"knativebrokerttl": "-7"}, 0), ({"knativebrokerttl": "many"}, 255)],
)  # fmt: skip
def test_ttl(attributes, ttl):
    assert delivery_rules.next_ttl(attributes) == ttl

"""What a target says of itself: its health check, its metrics, and whose address is asked for them."""

from __future__ import annotations

import math
import ssl
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.verify_execution.core.readings import Direction
from functions.verify_execution.sensors.addresses import Addresses
from functions.verify_execution.sensors.exposition import NotMetrics, samples
from functions.verify_execution.sensors.http_probe import HttpProbeSensor
from functions.verify_execution.sensors.metrics_scrape import Gauge, ScrapeSensor
from shared.adapters.http import HttpClient
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.errors import ConfigurationError
from shared.domain.executions import Target
from shared.local.simulators.service_process import ServiceProcess
from tests.contracts.misbehaving import Misbehaving, answering
from tests.contracts.rigs import CLOCK, ERROR_RATIO, addresses_of, question


@pytest.fixture
async def http():
    async with HttpClient(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as client:
        yield client


def target(kind="Service", namespace="prod", name="api"):
    return Target(namespace=namespace, kind=kind, name=name)


class TestAddresses:
    def test_the_first_entry_that_fits_counts(self):
        known = Addresses.parse(
            "HTTP_PROBES",
            {
                "Service prod/api": "https://api.example/health",
                "Service prod/*": "http://{name}.{namespace}.svc/health",
                "Service */web": "http://web.{namespace}.svc:8080/{name}",
            },
        )
        assert known.of(target()) == "https://api.example/health"
        assert known.of(target(name="db")) == "http://db.prod.svc/health"
        assert known.of(target(namespace="test", name="web")) == "http://web.test.svc:8080/web"
        assert known.of(target(namespace="test", name="db")) is None
        assert known.of(target(kind="Deployment")) is None

    @pytest.mark.parametrize(
        "template",
        [
            "http://{name}",
            "http://{name}/",
            "http://{namespace}.{name}/health",
            "http://svc.{name}/health",
            "http://x.{name}:8080/",
            "http://10.0.0.{name}/",
            "http://{name}.10/",
            "http://api.example:{name}/",
            "http://{name}@api.example/",
            "http://user:secret@api.example/",
            "{name}://api.example/",
            "{name}",
            "api.example/health",
            "ftp://api.example/",
            "file:///etc/passwd",
            "http:///health",
            "http://api.example:port/",
            "http://[::1/",
            "http://{cluster}.svc/",
            "http://{0}.svc/",
            "http://{name.svc/",
            "http://{name!r}.svc/",
            "",
        ],
    )
    def test_a_template_never_lets_an_event_choose_the_host(self, template):
        with pytest.raises(ConfigurationError, match="HTTP_PROBES: the URL of Service") as raised:
            Addresses.parse("HTTP_PROBES", {"Service */*": template})
        assert "secret" not in str(raised.value)

    @pytest.mark.parametrize("pattern", ["prod/api", "Service api", "Service prod/", "Service prod/api/x", "*/*", ""])
    def test_a_pattern_is_a_target(self, pattern):
        with pytest.raises(ConfigurationError, match="write it as"):
            Addresses.parse("HTTP_PROBES", {pattern: "http://api.example/"})

    @given(namespace=st.text(min_size=1, max_size=70), name=st.text(min_size=1, max_size=70))
    def test_whatever_it_is_called_the_machine_is_ours(self, namespace, name):
        known = Addresses.parse(
            "HTTP_PROBES", {"Service */*": "http://{name}.{namespace}.svc:8080/{name}?n={namespace}"}
        )
        url = known.of(target(namespace=namespace, name=name))
        if url is not None:
            host, _, rest = url.removeprefix("http://").partition("/")
            assert host == f"{name}.{namespace}.svc:8080"
            assert rest == f"{name}?n={namespace}"
            assert set(name + namespace) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


class TestHealthCheck:
    async def test_it_follows_the_service_through_its_life(self, http, tmp_path):
        with ServiceProcess(tmp_path) as service:
            sensor = HttpProbeSensor(http, addresses_of(service.url, "/health"), CLOCK)

            async def status():
                return (await sensor.read(question("Service"))).status

            assert await status() == 200
            service.sabotage()
            assert await status() == 500
            service.restart()
            assert await status() == 200
            service.kill9()
            assert await status() is None
            service.start()
            assert await status() == 200

    async def test_each_time_it_is_asked_over_a_new_connection(self, http):
        server = Misbehaving(answering(200, b"ok"))
        async with server.serving() as url:
            sensor = HttpProbeSensor(http, addresses_of(url), CLOCK)
            for _ in range(3):
                assert (await sensor.read(question("Service"))).status == 200
            await server.closed()
        assert len(server.requests) == 3

    @pytest.mark.parametrize(
        ("path", "asked"),
        [("/{namespace}/{name}/?deep=1", b"/prod/api/?deep=1"), ("/health/", b"/health/"), ("/health", b"/health")],
    )
    async def test_the_address_is_asked_as_it_is_written(self, http, path, asked):
        server = Misbehaving(answering(204, b""))
        async with server.serving() as url:
            sensor = HttpProbeSensor(http, addresses_of(url, path), CLOCK)
            assert (await sensor.read(question("Service"))).status == 204
        assert server.requests[0].startswith(b"GET " + asked + b" HTTP/1.1\r\n")

    async def test_a_target_without_an_address_does_not_suit(self, http):
        sensor = HttpProbeSensor(http, addresses_of("http://127.0.0.1:9"), CLOCK)
        assert sensor.suits(question("Service"))
        assert not sensor.suits(question("Deployment"))


class TestExposition:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("up 1", [("up", 1.0, None)]),
            ("up 1\n", [("up", 1.0, None)]),
            ("up\t1.5e3  \r\n"[:-2], [("up", 1500.0, None)]),
            ("  up   -0.5   1700000000000  ", [("up", -0.5, 1700000000000)]),
            ("up{} 1", [("up", 1.0, None)]),
            ('up{a="b"} 1', [('up{a="b"}', 1.0, None)]),
            ('up { a = "b" , c="d", } 1', [('up{a = "b" , c="d"}', 1.0, None)]),
            ('up{a="} 9 #"} 1', [('up{a="} 9 #"}', 1.0, None)]),
            ('up{a="x\\"y\\\\z\\n"} 1', [('up{a="x\\"y\\\\z\\n"}', 1.0, None)]),
            ('up{a="é 雪"} 1', [('up{a="é 雪"}', 1.0, None)]),
            ("up +Inf", [("up", math.inf, None)]),
            ("up -Inf -5", [("up", -math.inf, -5)]),
            ("# HELP up Whether { it is\n# TYPE up gauge\n\nup 1\ndown 2\nup_total 3", [("up", 1.0, None)]),
            ("other 1", []),
            ("", []),
        ],
    )
    def test_what_is_right_is_read(self, text, expected):
        assert [(each.series, each.value, each.time_ms) for each in samples(text, "up")] == expected

    def test_what_is_no_number_is_one_of_its_values(self):
        (found,) = samples("up NaN", "up")
        assert math.isnan(found.value)

    @pytest.mark.parametrize(
        "line",
        [
            "<html>",
            "up",
            "up ",
            "up one",
            "up 1 2 3",
            "up 1 soon",
            "up 0x10",
            "up 1_000",
            "up infinity",
            "1up 1",
            "up{a=b} 1",
            'up{a="b} 1',
            'up{a="b" c="d"} 1',
            'up{"a"="b"} 1',
            'up{a="b\\t"} 1',
            'up{a="b"',
            "up{,} 1",
            "up1{}",
            '{"up": 1}',
        ],
    )
    def test_one_line_that_is_wrong_spoils_it_all(self, line):
        with pytest.raises(NotMetrics):
            list(samples(f"up 1\n{line}\n", "up"))

    @given(st.text())
    def test_any_text_is_read_or_refused(self, text):
        try:
            found = list(samples(text, "up"))
        except NotMetrics:
            return
        assert all(each.series.startswith("up") for each in found)

    @pytest.mark.parametrize(
        "text", ["up{" + 'a="b",' * 50_000, 'up{a="' + "\\" * 100_000, "up " + " " * 200_000 + "x y z"]
    )
    def test_a_long_line_takes_no_longer_than_it_is(self, text):
        with pytest.raises(NotMetrics):
            list(samples(text, "up"))


class TestScrape:
    async def test_it_follows_the_service_through_its_life(self, http, tmp_path):
        with ServiceProcess(tmp_path) as service:
            health = HttpProbeSensor(http, addresses_of(service.url, "/health"), CLOCK)
            sensor = ScrapeSensor(http, addresses_of(service.url, "/metrics"), ERROR_RATIO, CLOCK)

            async def ratio():
                (sample,) = (await sensor.read(question("Service"))).samples
                return sample.value

            await health.read(question("Service"))
            assert await ratio() == 0.0
            service.sabotage()
            risen = [await ratio() for _ in range(3) if await health.read(question("Service"))]
            assert 0.0 < risen[0] < risen[1] < risen[2]
            service.restart()
            assert await ratio() == 0.0

    async def test_all_series_of_the_metric_and_no_other(self, http, tmp_path):
        gauge = Gauge(metric="shop_requests_total", direction=Direction.HIGHER)
        with ServiceProcess(tmp_path) as service:
            sensor = ScrapeSensor(http, addresses_of(service.url, "/metrics"), gauge, CLOCK)
            seen = await sensor.read(question("Service"))
        assert {sample.series for sample in seen.samples} == {
            'shop_requests_total{code="200"}',
            'shop_requests_total{code="500"}',
        }
        assert (seen.name, seen.direction, seen.limit) == ("shop_requests_total", Direction.HIGHER, None)

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            (b"other 1\n", FailureKind.EMPTY),
            (b"", FailureKind.EMPTY),
            (b"shop_error_ratio one\n", FailureKind.UNREADABLE),
            (b"shop_error_ratio 1 999999999999999\n", FailureKind.UNREADABLE),
            (b"\xff", FailureKind.UNREADABLE),
            (b"".join(b'shop_error_ratio{n="%d"} 1\n' % n for n in range(10_001)), FailureKind.TOO_LARGE),
        ],
    )
    async def test_what_cannot_be_read_is_no_reading(self, http, body, kind):
        async with Misbehaving(answering(200, body)).serving() as url:
            sensor = ScrapeSensor(http, addresses_of(url), ERROR_RATIO, CLOCK)
            with pytest.raises(CallFailed) as raised:
                await sensor.read(question("Service"))
        assert raised.value.kind is kind

    async def test_a_sample_with_a_time_keeps_it(self, http):
        async with Misbehaving(answering(200, b"shop_error_ratio 1 1700000000500\n")).serving() as url:
            sensor = ScrapeSensor(http, addresses_of(url), ERROR_RATIO, CLOCK)
            (sample,) = (await sensor.read(question("Service"))).samples
        assert sample.at == datetime.fromtimestamp(1_700_000_000.5, UTC)

    async def test_a_time_in_the_future_is_not_believed(self, http):
        async with Misbehaving(answering(200, b"shop_error_ratio 1 9999999999999\n")).serving() as url:
            sensor = ScrapeSensor(http, addresses_of(url), ERROR_RATIO, CLOCK)
            seen = await sensor.read(question("Service"))
        assert [sample.at for sample in seen.samples] == [seen.at]

    def test_only_a_limit_makes_it_speak_of_health(self, http):
        with_limit = ScrapeSensor(http, addresses_of("http://127.0.0.1:9"), ERROR_RATIO, CLOCK)
        free = Gauge(metric="queue_depth", direction=Direction.LOWER)
        without = ScrapeSensor(http, addresses_of("http://127.0.0.1:9"), free, CLOCK)
        assert (with_limit.about_target, without.about_target) == (True, False)
        assert (with_limit.name, without.name) == ("scrape:shop_error_ratio", "scrape:queue_depth")

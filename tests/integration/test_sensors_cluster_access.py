"""How an API server is reached: by its own authority, with tokens that are replaced, with certificates, or not."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shutil
import ssl
import subprocess

import pytest
import yaml

from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.adapters.kubernetes.access import in_cluster
from shared.adapters.kubernetes.api import PODS, ClusterApi
from shared.adapters.kubernetes.kubeconfig import kubeconfig
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.errors import ConfigurationError
from shared.local.simulators.kubernetes import KubernetesSimulator
from shared.local.simulators.kubernetes import kubeconfig as simulated

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here to make certificates with")
POD = json.dumps({"metadata": {"name": "p", "uid": "u"}}).encode()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A folder with ca.crt, and server and client certificates of that authority; and of a second one, other.crt."""
    folder = tmp_path_factory.mktemp("authority")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "other"):
        openssl("req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}")
    for name in ("server", "client"):
        extension = ["-addext", "subjectAltName=IP:127.0.0.1"] if name == "server" else []
        signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-addext", "basicConstraints=CA:FALSE", *extension]
        openssl("req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}", *signed)
    return folder


@contextlib.asynccontextmanager
async def api_server(authority, *, wants_client=False):
    """A TLS server that answers every GET with a pod; yields its port and what it saw."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority / "ca.crt")
    context.load_cert_chain(authority / "server.crt", authority / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED if wants_client else ssl.CERT_NONE
    seen = []

    async def serve(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            seen.append((await reader.readuntil(b"\r\n\r\n")).decode())
            head = f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {len(POD)}\r\n\r\n"
            writer.write(head.encode() + POD)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], seen


async def read_with(access):
    async with HttpClient(tls=access.tls) as http:
        endpoint = Endpoint(http=http, url=access.url, authorize=access.authorize)
        return await ClusterApi(endpoint).get(PODS, "prod", "p")


def service_account(folder, authority, *, ca="ca.crt", token="first"):
    folder.mkdir(exist_ok=True)
    shutil.copy(authority / ca, folder / "ca.crt")
    (folder / "token").write_text(f"{token}\n")
    return folder


def config(**changes):
    """A kubeconfig; ``cluster`` and ``user`` replace those entries."""
    cluster = changes.get("cluster", {"server": "http://127.0.0.1:1"})
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "current-context": changes.get("current", "here"),
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "default"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": changes.get("user", {})}],
    }


def written(folder, content):
    path = folder / "config"
    path.write_text(yaml.safe_dump(content))
    return path


@needs_openssl
class TestInCluster:
    async def test_the_service_account_opens_the_door(self, tmp_path, authority):
        account = service_account(tmp_path / "account", authority)
        async with api_server(authority) as (port, seen):
            environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}
            access = in_cluster(environ, account)
            assert (await read_with(access)).metadata.name == "p"
            (account / "token").write_text("second")
            await read_with(access)
        assert [line.lower().count("authorization: bearer first\r\n") for line in seen] == [1, 0]
        assert "authorization: bearer second\r\n" in seen[1].lower()

    async def test_a_token_that_is_gone_is_denied(self, tmp_path, authority):
        account = service_account(tmp_path / "account", authority)
        async with api_server(authority) as (port, seen):
            environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}
            access = in_cluster(environ, account)
            (account / "token").unlink()
            with pytest.raises(CallFailed) as raised:
                await read_with(access)
        assert raised.value.kind is FailureKind.DENIED
        assert seen == []

    async def test_another_authority_gets_no_token(self, tmp_path, authority):
        account = service_account(tmp_path / "account", authority, ca="other.crt")
        async with api_server(authority) as (port, seen):
            environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}
            with pytest.raises(CallFailed) as raised:
                await read_with(in_cluster(environ, account))
        assert raised.value.kind is FailureKind.UNREACHABLE
        assert seen == []

    def test_an_address_of_six_bytes_and_more(self, tmp_path, authority):
        account = service_account(tmp_path / "account", authority)
        environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
        assert in_cluster(environ, account).url == "https://[fd00::1]:443"

    @pytest.mark.parametrize("environ", [{}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}])
    def test_outside_a_cluster_it_says_what_to_set(self, environ, tmp_path):
        with pytest.raises(ConfigurationError, match="KUBECONFIG"):
            in_cluster(environ, tmp_path)

    def test_without_its_authority_it_says_what_to_mount(self, tmp_path):
        environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
        with pytest.raises(ConfigurationError, match="automountServiceAccountToken"):
            in_cluster(environ, tmp_path)


class TestKubeconfig:
    async def test_the_simulator_writes_one(self, tmp_path):
        simulator = KubernetesSimulator("a-token")
        simulator.cluster.put({"kind": "Pod", "metadata": {"name": "p", "namespace": "prod"}})
        async with simulator.serving() as url:
            path = tmp_path / "config"
            path.write_text(simulated(url, "a-token"))
            access = kubeconfig(path)
            async with HttpClient() as http:
                api = ClusterApi(Endpoint(http=http, url=access.url, authorize=access.authorize))
                assert (await api.get(PODS, "prod", "p")).metadata.name == "p"

    def test_a_token_may_be_in_a_file_beside_it(self, tmp_path):
        (tmp_path / "secret").write_text("t-1\n")
        access = kubeconfig(written(tmp_path, config(user={"tokenFile": "secret"})))
        assert access.authorize() == {"authorization": "Bearer t-1"}
        (tmp_path / "secret").write_text("t-2\n")
        assert access.authorize() == {"authorization": "Bearer t-2"}

    @needs_openssl
    @pytest.mark.parametrize("inline", [True, False])
    async def test_a_client_certificate_opens_the_door(self, tmp_path, authority, inline):
        names = {"certificate-authority": "ca.crt", "client-certificate": "client.crt", "client-key": "client.key"}
        fields = {name: str(authority / file) for name, file in names.items()}
        if inline:
            fields = {
                f"{name}-data": base64.b64encode((authority / file).read_bytes()).decode()
                for name, file in names.items()
            }
        suffix = "-data" if inline else ""
        own = {name: value for name, value in fields.items() if name.startswith("client")}
        async with api_server(authority, wants_client=True) as (port, _):
            cluster = {
                "server": f"https://127.0.0.1:{port}",
                f"certificate-authority{suffix}": fields[f"certificate-authority{suffix}"],
            }
            access = kubeconfig(written(tmp_path, config(cluster=cluster, user=own)))
            assert (await read_with(access)).metadata.name == "p"
            stranger = kubeconfig(written(tmp_path, config(cluster=cluster)))
            with pytest.raises(CallFailed):
                await read_with(stranger)

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (config(user={"exec": {"command": "aws"}}), "exec.*kubectl create token"),
            (config(user={"username": "u", "password": "geheim"}), "password"),
            (config(user={"as": "admin"}), "as,"),
            (config(cluster={"server": "https://x", "insecure-skip-tls-verify": True}), "insecure-skip-tls-verify"),
            (config(cluster={"server": "https://x", "proxy-url": "http://p"}), "proxy-url"),
            (config(cluster={"server": "https://x", "tls-server-name": "y"}), "tls-server-name"),
            (config(cluster={"server": "http://10.0.0.1"}), "must be https"),
            (config(cluster={"server": "https://x", "certificate-authority": "nowhere.crt"}), "--flatten"),
            (config(cluster={"server": "https://x", "certificate-authority-data": "%%"}), "--flatten"),
            (config(current="elsewhere"), "elsewhere"),
            (config(current=""), "current-context"),
            ([], "current-context"),
            ("text", "current-context"),
        ],
    )
    def test_what_cannot_be_used_is_said_in_one_sentence(self, tmp_path, content, says):
        with pytest.raises(ConfigurationError, match=says) as raised:
            kubeconfig(written(tmp_path, content))
        assert "geheim" not in str(raised.value)
        assert str(raised.value).count("\n") == 0

    @pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe", b""])
    def test_what_cannot_be_read_is_said_as_well(self, tmp_path, content):
        path = tmp_path / "config"
        path.write_bytes(content)
        with pytest.raises(ConfigurationError, match="kubectl config view"):
            kubeconfig(path)
        with pytest.raises(ConfigurationError, match="kubectl config view"):
            kubeconfig(tmp_path / "nowhere")

"""What `make check` and `make audit` look for, planted and found."""

from __future__ import annotations

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from shared.local import audit
from shared.local.leaks import leaks

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "ghp_" + "Zx7a" * 9


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no clone")
def test_nothing_in_the_repository_looks_like_a_secret():
    assert list(leaks(ROOT)) == []


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.py", f'x = 1\nname = "{TOKEN}"\n', 2),
        ("a.py", "x = '''-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----'''\n", 1),
        ("deploy.yaml", "kind: Secret\ndata:\n  config: aHVudGVyMjpodW50ZXIy\n", 3),
        ("README.md", "Set it:\n\nDATABASE_URL=postgresql://app:hunter2@db:5432/app\n", 3),
        ("notes.txt", "the password for db-0 is Xy7Zq9Kw2\n", 1),
    ],
)
def test_a_planted_secret_is_found_before_it_is_committed(tmp_path, name, text, line):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / name).write_text(text)
    assert list(leaks(tmp_path)) == [f"{name}:{line}"]


def test_code_that_handles_secrets_and_documentation_of_them_are_no_leak(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "a.py").write_text("connect(password=dsn.password, token=settings.token1)\n")
    (tmp_path / "README.md").write_text("`postgresql://user:password@host/db`, AUTH_TOKEN=<the token>\n")
    assert list(leaks(tmp_path)) == []


@pytest.fixture
def osv():
    """A database that knows of one vulnerability in the first package it is asked about."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["queries"]
            results = [{"vulns": [{"id": "GHSA-1", "modified": "2026-01-01T00:00:00Z"}]}, *([{}] * (len(asked) - 1))]
            body = json.dumps({"results": results}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_known_vulnerability_of_a_pinned_package_fails_the_audit(osv, capsys):
    assert audit.main([osv]) == 1
    first, summary = capsys.readouterr().out.splitlines()
    assert first.endswith("GHSA-1, see https://osv.dev/GHSA-1")
    assert summary.endswith(" packages, 1 known vulnerabilities")


def test_an_audit_without_a_network_says_so(capsys):
    assert audit.main(["http://127.0.0.1:1"]) == 2
    assert "does not answer (ConnectError), so nothing is known" in capsys.readouterr().err

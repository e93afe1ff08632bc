"""What stands in for libraries at the start, each time in a process of its own."""

from __future__ import annotations

import hashlib
import json
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_SERVED = "import shared.runtime.gunicorn_conf"


def _python(*lines: str) -> str:
    """What a new process prints."""
    command = [sys.executable, "-c", "\n".join(lines)]
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True).stdout.strip()


_UNWANTED = (
    "flask",
    "werkzeug",
    "click",
    "cloudevents.http",
    "uvicorn.main",
    "dateutil",
    "asn1crypto",
    "structlog.dev",
)


def test_a_server_starts_without_what_no_function_comes_near():
    assert _python(_SERVED, "import sys", f"print([name for name in {_UNWANTED!r} if name in sys.modules])") == "[]"


_USES = {
    "str(pg8000.converters.timestamp_in('2026-02-03 04:05'))": "2026-02-03 04:05:00",
    "pg8000.converters.timestamp_in('20000-01-01 00:00:00')": "20000-01-01 00:00:00",  # no parser can
    'functions_framework.from_http({}, \'{"specversion":"1.0","id":"1","source":"s","type":"t"}\')[\'id\']': "1",
    "import_module('cloudevents.http').CloudEvent({'type': 't', 'source': 's'})['type']": "t",
    "uvicorn.Server(uvicorn.Config(None)).started": False,
    "uvicorn.main.name": "main",
    "import_module('flask').Flask.__name__": "Flask",
    "import_module('click').Choice(['a']).choices[0]": "a",
    "hasattr(structlog, 'dev')": False,
    "import_module('structlog.dev').ConsoleRenderer.__name__": "ConsoleRenderer",
}


@pytest.fixture(scope="module")
def found():
    imports = "import json, functions_framework, pg8000, structlog, uvicorn; from importlib import import_module"
    return json.loads(_python(_SERVED, imports, f"print(json.dumps({{use: eval(use) for use in {list(_USES)!r}}}))"))


@pytest.mark.parametrize("use", _USES)
def test_what_is_asked_for_after_all_is_the_real_thing(found, use):
    assert found[use] == _USES[use]


def test_a_server_s_certificate_is_read_for_scram(tmp_path):
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=db -keyout key.pem -out crt.pem"
    subprocess.run(["openssl", *made.split()], cwd=tmp_path, check=True, capture_output=True)
    der = ssl.PEM_cert_to_DER_cert((tmp_path / "crt.pem").read_text())
    use = f"from scramp.core import CBindData; print(bytes(CBindData.from_der({der!r})).hex())"
    assert _python(_SERVED, use) == hashlib.sha256(der).hexdigest()


def test_a_library_that_is_loaded_already_stays():
    assert _python("import flask as before", _SERVED, "import flask; print(flask is before)") == "True"

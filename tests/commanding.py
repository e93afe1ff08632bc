"""``aftercare`` as its users run it: in this process, where that is enough, and as a process of its own."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from shared import cli

COMMAND = Path(__file__).resolve().parents[1] / ".venv" / "bin" / "aftercare"
HERE = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
"""What a process needs to find its programs; nothing of anybody's servers."""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


def aftercare(*words: str, **environ: str) -> Done:
    """The command with exactly this environment."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, {**HERE, "NO_COLOR": "1", **environ}, clear=True),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        cli.app(words)
    return Done(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def install(
    monkeypatch: pytest.MonkeyPatch, folder: Path, group: str, *, name: str = "aftercare_more", **entries: str
) -> None:
    """Install a distribution with these entry points; one named ``aftercare`` stands in place of ours."""
    about = folder / f"{name}-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    lines = [f"{name} = {value}" for name, value in entries.items()]
    (about / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines]) + "\n")
    monkeypatch.syspath_prepend(folder)


@dataclass
class Receiver:
    """Answers every request with one status, and remembers what it was sent."""

    url: str
    posts: list[tuple[dict[str, str], Any]] = field(default_factory=list)


@contextmanager
def receiver(status: int, reply: bytes = b"") -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.posts.append(({name.lower(): value for name, value in self.headers.items()}, json.loads(body)))
            self.do_GET()

        def do_GET(self):
            self.send_response(status)
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        seen = Receiver(f"http://127.0.0.1:{server.server_port}/")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield seen
        server.shutdown()
        thread.join()

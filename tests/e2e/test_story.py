"""The two commands of the README, run as a newcomer runs them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]


def laptop(command: str, folder: Path) -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    return subprocess.Popen(
        [sys.executable, "-m", "shared.local", command, f"--folder={folder}"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def left_behind(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        words = [*(process.info["cmdline"] or ()), *(process.info["environ"] or {}).values()]
        if any(str(folder) in word for word in words):
            found.append(" ".join(process.info["cmdline"] or ()))
    return found


def keeps_every_promise(said: str) -> None:
    """What the story printed: every chapter, with figures of its own."""
    incident = re.search(r"ALERT .*→ (INC-[0-9a-f]{12}) \(1 new\)", said)
    assert incident is not None
    assert f"{incident[1]} incident_resolve" in said
    assert "answered 202, 0 new" in said
    assert len(re.findall(r"→ linked to apr-[0-9a-f]{8}", said)) == 2
    writes = re.search(r"(\d+) of (\d+) there, each once", said)
    assert writes is not None
    assert writes[1] == writes[2] != "0"
    for verdict in ("success: recovered", "failed: still_unhealthy", "degraded: observe_only", "failed: relapsed"):
        assert verdict in said
    for tier in ("score 0 → auto", "score 72 → dual", "score 100 → blocked"):
        assert tier in said
    assert re.search(r'issue #\d+ .*\n +"\[AI-Repair\] .*\n +proposed again: the same issue', said)
    for status in ("ok", "violated", "no data skipped"):
        assert re.search(rf"\w+ .*{status}\n", said)
    assert re.search(r"pb-cache-[0-9a-f]{8} unused for 40 days: deprecated", said)
    assert "km_retry_max is 5, the code says 3" in said
    assert re.search(r"[1-9]\d* messages in the chat", said)
    assert "Every promise held." in said


def test_run_keeps_every_promise_keeps_serving_and_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run = laptop("run", folder)
    try:
        lines = []
        assert run.stdout is not None
        for line in run.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C"):
                break
        broker = re.search(r"Broker\s+(http://\S+)", "".join(lines))
        assert broker is not None, "".join(lines)
        assert httpx.get(f"{broker[1]}/readyz").status_code == 200

        second = laptop("run", folder)
        said, _ = second.communicate(timeout=30)
        assert second.returncode == 1
        assert f"already serves at {broker[1]}" in said
    finally:
        run.send_signal(signal.SIGINT)
        said, _ = run.communicate(timeout=60)
    assert run.returncode == 0, said
    _until_nothing_is_left(tmp_path)
    keeps_every_promise("".join(lines))


def test_demo_says_what_stops_it(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where a folder should be")
    demo = laptop("demo", tmp_path / "run")
    said, _ = demo.communicate(timeout=60)

    assert demo.returncode == 1
    assert "run cannot be used (File exists); choose another folder with --folder." in said
    assert "Traceback" not in said


def _until_nothing_is_left(folder: Path) -> None:
    ends = time.monotonic() + 10
    while left := left_behind(folder):
        if time.monotonic() > ends:
            pytest.fail(f"still running: {left}")
        time.sleep(0.1)

"""Everything that a process prints, whoever has it to say, is one line of JSON; and it ends when its secrets change."""

from __future__ import annotations

import json
import os
import signal
import time

import httpx
import pytest

from shared.local.children import ProcessFailed
from tests.deployed import deployed

CANARY = "hunter2-CANARY"
UNRULY = f"""
import asyncio, gc, logging, threading, warnings
from starlette.responses import Response

class Unfinished:
    def __del__(self):
        raise ValueError("{CANARY}")

async def lost():
    raise ValueError("{CANARY}")

def thread():
    raise ValueError("{CANARY}")

async def handle(request):
    if request.method == "GET":
        return Response(status_code=200)
    if request.url.path == "/raise":
        raise ValueError("{CANARY}")
    logging.getLogger("driver").warning("a\\x1b[31m\\u202e\\r password={CANARY}\\nINSERT {CANARY}")
    logging.getLogger("driver").error("%s", "y" * 5000)
    warnings.warn("old\\x1b[31m")
    Unfinished()
    started = threading.Thread(target=thread)
    started.start()
    started.join()
    task = asyncio.create_task(lost())
    await asyncio.sleep(0)
    del task
    gc.collect()
    return Response(status_code=204)
"""


def lines(place):
    return [json.loads(line) for line in place.log.read_bytes().decode("ascii").splitlines()]


def status(place, shown):
    """The answer to who shows this token: 401, or 415 to one that is let in."""
    answer = httpx.post(f"{place.url}/alertmanager", content=b"{", headers={"authorization": f"Bearer {shown}"})
    return answer.status_code


def test_whatever_happens_is_told_in_lines_of_json_without_values(tmp_path):
    source = tmp_path / "unruly_one" / "main.py"
    source.parent.mkdir()
    source.write_text(UNRULY)
    settings = {"function_source": str(source), "gunicorn_cmd_args": "--log-level info"}
    with deployed(tmp_path, "unruly_one", **settings) as (place,):
        assert httpx.post(place.url).status_code == 204
        assert httpx.post(f"{place.url}/raise").status_code == 500

    told = lines(place)
    assert {line["function"] for line in told} == {"unruly-one"}
    assert CANARY not in json.dumps(told)
    details = [line["detail"] for line in told]
    assert {"Started server process", "Finished server process"} <= {text.partition(" [")[0] for text in details}
    assert "a\x1b[31m\u202e\r password=[redacted:password]" in details
    assert max(map(len, details)) == 2048
    unexpected = [line["error"] for line in told if line["detail"] == "An exception that nobody expected."]
    assert unexpected == ["ValueError", "ValueError"]
    (lost,) = [line for line in told if line["logger"] == "asyncio"]
    assert lost["trace"][-1].endswith(" lost")
    assert {"py.warnings", "driver", "root"} <= {line["logger"] for line in told}


@pytest.mark.parametrize("wrong", [{"auth_mode": ""}, {"auth_token": ""}])
def test_a_process_that_cannot_start_says_why_in_json(tmp_path, wrong):
    right = {"auth_mode": "bearer", "auth_token": "t", "database_url": "postgresql://a@127.0.0.1:1/b"}
    with pytest.raises(ProcessFailed, match="ended with 4"), deployed(tmp_path, "alert_bridge", **{**right, **wrong}):
        pass
    told = [json.loads(line) for line in (tmp_path / "0.log").read_text().splitlines()]
    (line,) = [line for line in told if line["level"] == "critical"]
    assert line["detail"].startswith("The function cannot start: AUTH_MODE")


def test_a_changed_secret_is_read_without_losing_a_request(tmp_path):
    token = tmp_path / "token"
    token.write_text("old")
    settings = {"auth_mode": "bearer", "auth_token_file": str(token), "database_url": "postgresql://a@127.0.0.1:1/b"}

    # The file is looked at twice within gunicorn's patience.
    with deployed(tmp_path, "alert_bridge", gunicorn_cmd_args="--timeout 4", **settings) as (place,):
        assert (status(place, "old"), status(place, "new")) == (415, 401)
        token.write_text("new")
        deadline = time.monotonic() + 30
        while status(place, "new") == 401 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert (status(place, "old"), status(place, "new")) == (401, 415)
        os.kill(place.pid, signal.SIGTERM)
    assert [line["level"] for line in lines(place) if "has changed" in line.get("detail", "")] == ["warning"]


def test_a_secret_that_is_changed_to_a_wrong_one_is_told_once_and_the_old_one_serves_on(tmp_path):
    token, database = tmp_path / "token", tmp_path / "database"
    token.write_text("old")
    database.write_text("postgresql://a@127.0.0.1:1/b")
    settings = {"auth_mode": "bearer", "auth_token_file": str(token), "database_url_file": str(database)}

    def refusals(place):
        return [line["detail"] for line in lines(place) if "is refused" in line.get("detail", "")]

    def change(file, text, *, is_so):
        (tmp_path / "next").write_text(text)
        (tmp_path / "next").rename(file)
        deadline = time.monotonic() + 30
        while not is_so() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert is_so()

    with deployed(tmp_path, "alert_bridge", gunicorn_cmd_args="--timeout 3", **settings) as (place,):
        change(database, f"mysql://{CANARY}@h/b", is_so=lambda: len(refusals(place)) == 1)
        change(token, "new", is_so=lambda: len(refusals(place)) == 2)
        assert (status(place, "old"), status(place, "new")) == (415, 401)
        change(database, "postgresql://a@127.0.0.1:1/c", is_so=lambda: status(place, "new") == 415)
        assert status(place, "old") == 401

    assert [line["level"] for line in lines(place) if "is refused" in line.get("detail", "")] == ["error"] * 2
    for told in refusals(place):
        assert "is refused: DATABASE_URL cannot be read; write postgresql://" in told
        assert told.endswith("The old value is still in use; write a right one.")
    assert CANARY not in place.log.read_text()

"""What was started ends: when told to, with its children, and with whoever started it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time

import pytest

from shared.local.children import ProcessFailed
from shared.local.folders import remove
from shared.local.instance import Instance, Running
from shared.local.processes import Program, Supervisor
from tests.integration.existence import all_gone, exists

PATIENCE_S = 20.0  # for a failing test only

# A parent with a child and a grandchild; it says so when all are there.
FAMILY = "sleep 600 & echo $! > {pids}; sh -c 'sleep 600 & echo $! >> {pids}; wait' & echo $! >> {pids}; wait"


@pytest.fixture
def supervisor():
    with Supervisor() as started:
        yield started


def shell(tmp_path, name, script, **settings):
    return Program(name=name, argv=["/bin/sh", "-c", script], log=tmp_path / f"{name}.log", **settings)


def family(tmp_path):
    pids = tmp_path / "pids"

    def complete():
        return pids.exists() and len(pids.read_text().split()) == 3

    return shell(tmp_path, "family", FAMILY.format(pids=pids), ready=complete), pids


def read(pids):
    return {int(line) for line in pids.read_text().split()}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class TestReadiness:
    def test_a_url_that_answers_200(self, supervisor, tmp_path):
        port = free_port()
        argv = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(tmp_path)]
        url = f"http://127.0.0.1:{port}/"
        supervisor.start(Program(name="web", argv=argv, log=tmp_path / "web.log", ready=url))
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S):
            assert supervisor.ended() == {}

    def test_one_that_ends_first_says_what_its_log_says(self, supervisor, tmp_path):
        program = shell(tmp_path, "km-write", "echo DATABASE_URL is not set; exit 3", ready=lambda: False)
        with pytest.raises(
            ProcessFailed, match=r"km-write ended with 3 before it was ready:\n.*DATABASE_URL is not set"
        ):
            supervisor.start(program)

    def test_one_that_is_not_ready_in_time(self, supervisor, tmp_path):
        with pytest.raises(ProcessFailed, match="slow is not ready in time"):
            supervisor.start(shell(tmp_path, "slow", "sleep 600", ready=lambda: False), timeout_s=0.2)

    def test_a_program_that_is_not_there(self, supervisor, tmp_path):
        program = Program(name="none", argv=["/no/such/program"], log=tmp_path / "log", ready=lambda: False)
        with pytest.raises(ProcessFailed, match="/no/such/program: No such file"):
            supervisor.start(program)

    def test_several_start_side_by_side(self, supervisor, tmp_path):
        # Each waits for the other's file: one after the other would never get ready.
        first, second = tmp_path / "first", tmp_path / "second"
        programs = [
            shell(tmp_path, mine.name, f"touch {mine}; sleep 600", ready=other.exists)
            for mine, other in ((first, second), (second, first))
        ]
        supervisor.start(*programs)
        assert supervisor.ended() == {}

    def test_environment_folder_and_log(self, supervisor, tmp_path):
        log = tmp_path / "logs" / "one.log"
        argv = ["/bin/sh", "-c", "echo $GREETING from $PWD; echo and stderr >&2; sleep 600"]
        program = Program(
            name="one",
            argv=argv,
            log=log,
            env={"GREETING": "hello", "PATH": os.defpath},
            cwd=tmp_path,
            ready=lambda: "stderr" in log.read_text(),
        )
        supervisor.start(program)
        assert log.read_text() == f"hello from {tmp_path}\nand stderr\n"


class TestEnding:
    def test_kill_9_takes_the_whole_family(self, supervisor, tmp_path):
        program, pids = family(tmp_path)
        supervisor.start(program)
        leader = supervisor.pid("family")
        assert supervisor.kill9("family") == -signal.SIGKILL
        assert all_gone({leader, *read(pids)})

    def test_terminate_leaves_nothing_of_the_family(self, supervisor, tmp_path):
        program, pids = family(tmp_path)
        supervisor.start(program)
        assert supervisor.terminate("family") == -signal.SIGTERM
        assert all_gone(read(pids))

    def test_one_that_ignores_sigterm_is_killed(self, supervisor, tmp_path):
        deaf = tmp_path / "deaf"
        program = shell(
            tmp_path, "deaf", f"trap '' TERM; touch {deaf}; while :; do sleep 1; done", ready=deaf.exists, grace_s=0.2
        )
        supervisor.start(program)
        assert supervisor.terminate("deaf") == -signal.SIGKILL

    def test_the_last_started_ends_first(self, tmp_path):
        order = tmp_path / "order"
        with Supervisor() as supervisor:
            for name in ("store", "broker", "function"):
                there = tmp_path / name
                script = f"trap 'echo {name} >> {order}; exit 0' TERM; touch {there}; while :; do sleep 0.05; done"
                supervisor.start(shell(tmp_path, name, script, ready=there.exists))
        assert order.read_text().split() == ["function", "broker", "store"]

    def test_restart_after_a_crash_and_without_one(self, supervisor, tmp_path):
        supervisor.start(shell(tmp_path, "one", "sleep 600"))
        pids = [supervisor.pid("one")]
        supervisor.restart("one")
        pids.append(supervisor.pid("one"))
        supervisor.kill9("one")
        supervisor.restart("one")
        pids.append(supervisor.pid("one"))
        assert len(set(pids)) == 3
        assert [exists(pid) for pid in pids] == [False, False, True]

    def test_who_ended_unasked_is_told_and_not_restarted(self, supervisor, tmp_path):
        supervisor.start(shell(tmp_path, "stays", "sleep 600"), shell(tmp_path, "goes", "exit 7"))
        deadline = time.monotonic() + PATIENCE_S
        while not supervisor.ended() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert supervisor.ended() == {"goes": 7}

    def test_a_name_is_started_once(self, supervisor, tmp_path):
        supervisor.start(shell(tmp_path, "one", "sleep 600"))
        with pytest.raises(ProcessFailed, match="one is already started"):
            supervisor.start(shell(tmp_path, "one", "sleep 600"))

    def test_ctrl_c_in_the_terminal_reaches_nobody_but_us(self, supervisor, tmp_path):
        supervisor.start(shell(tmp_path, "one", "sleep 600"))
        pid = supervisor.pid("one")
        assert os.getsid(pid) == os.getpgid(pid) == pid


PARENT = """
    import sys, threading, time
    from pathlib import Path
    from shared.local.postgres import EmbeddedPostgres
    from shared.local.processes import Program, Supervisor

    folder = Path(sys.argv[1])
    supervisor = Supervisor()
    pids = folder / "pids"

    def start():
        supervisor.start(
            Program(
                name="family",
                argv=["/bin/sh", "-c", sys.argv[2].format(pids=pids)],
                log=folder / "log",
                ready=lambda: pids.exists() and len(pids.read_text().split()) == 3,
            )
        )

    starter = threading.Thread(target=start)  # a thread that ends must not take its children along
    starter.start()
    starter.join()
    pids_here = [supervisor.pid("family")]
    if sys.argv[3] == "killed":
        pids_here.append(EmbeddedPostgres(folder / "postgres").start().pid)
    print(*pids_here, flush=True)
    if sys.argv[3] == "killed":
        time.sleep(600)
    if sys.argv[3] == "failing":
        raise RuntimeError
"""


class TestDeathOfTheParent:
    @pytest.mark.parametrize("end", ["returning", "failing", "killed"])
    def test_nothing_outlives_it(self, tmp_path, end):
        stubborn = "trap '' TERM;" if end == "killed" else ""
        argv = [sys.executable, "-c", textwrap.dedent(PARENT), str(tmp_path), stubborn + FAMILY, end]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
            leaders = {int(pid) for pid in parent.stdout.readline().split()}
            started = leaders | read(tmp_path / "pids")
            if end == "killed":
                assert len(started) == 5
                assert all(exists(pid) for pid in started)
                parent.kill()
        assert all_gone(started)
        remove(tmp_path)


HOLDER = """
    import sys, time
    from pathlib import Path
    from shared.local.instance import Instance

    instance = Instance(Path(sys.argv[1]))
    instance.claim()
    instance.publish("http://127.0.0.1:8700")
    print("claimed", flush=True)
    time.sleep(600)
"""


class TestInstance:
    def test_a_folder_has_one_run(self, tmp_path):
        first, second = Instance(tmp_path / "run"), Instance(tmp_path / "run")
        assert second.running() is None
        with first:
            assert second.running() == Running(os.getpid(), None)
            first.publish("http://127.0.0.1:8701")
            assert second.running() == Running(os.getpid(), "http://127.0.0.1:8701")
            with pytest.raises(ProcessFailed, match=r"already serves at http://127.0.0.1:8701; to stop it: kill \d+"):
                second.claim()
        assert second.running() is None
        with second:
            assert first.running() == Running(os.getpid(), None)

    def test_kill_9_frees_it(self, tmp_path):
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(HOLDER), str(tmp_path)], stdout=subprocess.PIPE
        ) as holder:
            assert holder.stdout.readline() == b"claimed\n"
            instance = Instance(tmp_path)
            assert instance.running() == Running(holder.pid, "http://127.0.0.1:8700")
            holder.kill()
        assert instance.running() is None
        instance.claim()
        instance.release()

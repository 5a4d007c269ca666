"""What a container does by its first argument, and how its first process treats the others."""

import os
import re
import shlex
import signal
import subprocess
import sys

import pytest
from conftest import ROOT, run_here

from convoy import container
from convoy.container import ROLES, main
from convoy.doors import DOORS, Door


@pytest.fixture
def executed(monkeypatch):
    """The command that takes the place of this process."""
    commands = []

    def instead(file: str, words: list[str]) -> None:
        commands.append(words)
        raise SystemExit(0)

    monkeypatch.setattr(os, "execvp", instead)
    return commands


@pytest.mark.parametrize("argv", [[], ["--help"]])
def test_roles_and_commands_are_listed(argv):
    status, printed = run_here(main, argv)
    rows = re.findall(r"^  (\S+) +\S", printed, flags=re.MULTILINE)
    assert (status, set(rows)) == (0, ROLES.keys() | DOORS.keys())


def test_a_command_gets_its_arguments(monkeypatch):
    called = []
    monkeypatch.setattr(Door, "main", lambda door, argv: called.append((door.module, argv)) or 3)
    assert main(["analyse", "--search", "one"]) == 3
    assert called == [("analysis.run", ["--search", "one"])]


@pytest.mark.parametrize(
    ("argv", "wanted"),
    [
        (["head", "--num-cpus=0"], {"--head", "--port=6379", "--num-cpus=0"}),
        (["worker", "head:6379", "--num-cpus=2"], {"--address=head:6379", "--num-cpus=2"}),
    ],
)
def test_a_role_is_a_node_of_ray_that_takes_its_flags(executed, argv, wanted):
    from ray.scripts.scripts import start

    with pytest.raises(SystemExit):
        main(argv)
    ((*command, last),) = executed
    words = [*command, last]
    known = {option for parameter in start.params for option in parameter.opts}
    assert words[:2] == ["ray", "start"]
    assert wanted | {"--block"} <= set(words)
    assert {word.split("=")[0] for word in words[2:]} <= known


@pytest.mark.parametrize("argv", [["head", "-h"], ["worker", "--help"], ["worker", "a:1", "-h"]])
def test_the_help_of_a_role_is_that_of_ray(executed, argv):
    with pytest.raises(SystemExit):
        main(argv)
    assert executed == [["ray", "start", "--help"]]


@pytest.mark.parametrize("address", ["head:6379", "10.0.0.1:6379", "[fe80::1]:6379"])
def test_a_worker_takes_the_address_of_its_head(executed, address):
    with pytest.raises(SystemExit):
        main(["worker", address])
    assert f"--address={address}" in executed[0]


def test_a_command_runs_as_the_lines_of_a_search_name_it(executed):
    with pytest.raises(SystemExit):
        main(["python", "-m", "search.list", "--json"])
    assert executed == [["python", "-m", "search.list", "--json"]]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["hed"], "did you mean head?"),
        (["workers"], "did you mean worker?"),
        (["analysis"], "did you mean analyse?"),
        (["bash"], "--help lists both"),
        (["worker"], "worker HEAD:6379"),
        *(
            (["worker", head], f"{head!r} is not the address of a head; write worker HEAD:6379")
            for head in ("--num-cpus=1", "", "head", "10.0.0.1", "head:", ":6379", "http://head:80")
        ),
    ],
)
def test_a_wrong_role_is_told_in_one_line(argv, said):
    status, printed = run_here(main, argv)
    assert (status, printed.count("\n")) == (2, 1)
    assert said in printed


# As in a container, where the first process has the number 1: here any, which is taken for it.
FIRST = """
import os, signal, subprocess, sys, time
from convoy.container import go_on_as_child
usual, os.getpid = os.getpid, lambda: 1
go_on_as_child()
os.getpid = usual
"""


def first(code: str) -> subprocess.Popen[str]:
    """A first process, whose child runs ``code`` and has printed a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", FIRST + code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    process.line = process.stdout.readline()
    return process


@pytest.mark.parametrize("status", [0, 3])
def test_the_first_process_ends_as_its_child(status):
    assert first(f"print('on', flush=True); sys.exit({status})").wait(30) == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_first_process_reaches_its_child(number):
    handled = f"signal.signal({int(number)}, lambda *_: sys.exit(7))\n"
    # Python notes a signal that comes just before a sleep only after it: many short sleeps.
    process = first(f"{handled}print('on', flush=True)\nwhile True: time.sleep(0.1)")
    process.send_signal(number)
    assert process.wait(30) == 7


def test_a_signal_that_comes_before_the_first_process_listens_is_not_lost():
    early = "kill -TERM $$; exec "
    line = [sys.executable, "-c", FIRST + "time.sleep(60)"]
    command = ["env", "--block-signal=TERM", "sh", "-c", early + shlex.join(line)]
    assert subprocess.run(command, cwd=ROOT, timeout=30).returncode == 128 + signal.SIGTERM


def test_a_process_that_is_not_the_first_gets_the_signals_that_were_blocked():
    go_on = "from convoy.container import go_on_as_child; go_on_as_child(); print('alive')"
    line = ["env", "--block-signal=TERM", "sh", "-c"]
    line += ["kill -TERM $$; exec " + shlex.join([sys.executable, "-c", go_on])]
    done = subprocess.run(line, cwd=ROOT, stdout=subprocess.PIPE, timeout=30)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, b"")


def test_a_child_that_a_signal_ends_gives_its_number_as_a_shell_does():
    process = first("print('on', flush=True); time.sleep(60)")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM


def test_a_process_that_is_not_the_first_goes_on_itself():
    before = os.getpid()
    container.go_on_as_child()
    assert os.getpid() == before

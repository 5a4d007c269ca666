"""The console script: its commands, how they are listed, called and completed."""

import subprocess
import sys
import tomllib
from importlib import import_module

import pytest
from conftest import ROOT, run_here

from convoy.__main__ import main
from convoy.doors import DOORS, Door

COMMANDS = {door.module for door in DOORS.values()}


def test_the_script_that_is_installed_is_this_one():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["convoy"].partition(":")
    assert getattr(import_module(module), function) is main


@pytest.mark.parametrize("package", ["search", "analysis"])
def test_every_command_of_a_package_is_one_of_it(package):
    files = {file for file in (ROOT / package).glob("*.py") if "\n@command\n" in file.read_text()}
    assert files
    assert {f"{package}.{file.stem}" for file in files} <= COMMANDS | {"analysis.ablation"}


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_every_command_is_listed_with_what_it_does(argv):
    status, printed = run_here(main, argv)
    rows = [line.split(maxsplit=1) for line in printed.splitlines() if line.startswith("  ")]
    assert status == 0
    assert {name for name, does in rows if does.strip()} == DOORS.keys()


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert run_here(main, ["--version"]) == (0, f"convoy {project['version']}\n")


def test_the_list_is_printed_before_anything_large_is_imported():
    code = "import sys, convoy.__main__; convoy.__main__.main(['--help']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    slow = {"torch", "ray", "mlflow", "optuna", "numpy", "pydantic", "yaml", "shtab"}
    assert not slow & set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("word", "near"),
    [("rum", "run"), ("analyze", "analyse"), ("ls", ""), ("--space", ""), ("", "")],
)
def test_an_unknown_command_is_told_in_a_line_with_the_nearest(word, near):
    status, printed = run_here(main, [word])
    assert (status, printed.count("\n")) == (2, 1)
    assert (f"did you mean {near}?" if near else "convoy --help lists them") in printed


@pytest.mark.parametrize("name", DOORS)
def test_the_help_of_a_command_calls_it_as_the_user_did(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    printed = capsys.readouterr().out
    assert ended.value.code == 0
    assert printed.startswith(f"usage: convoy {name} ")
    assert "python -m" not in printed


def test_a_command_that_python_runs_calls_itself_as_before(capsys):
    assert main(["export", "--to", "x.csv", "--out"]) == 2
    assert "convoy export --help" in capsys.readouterr().err
    assert import_module("search.export").main(["--out"]) == 2
    assert "python -m search.export --help" in capsys.readouterr().err


def test_a_name_that_begins_with_that_of_another_command_stays():
    respelled = import_module("trainables.boundary.arguments")
    with respelled.called_as({"python -m search.run": "convoy run"}):
        assert respelled._respelled("python -m search.runner") == "python -m search.runner"


@pytest.mark.parametrize("status", [0, 2, 3])
def test_the_exit_status_is_that_of_the_command(monkeypatch, status):
    monkeypatch.setattr(Door, "main", lambda door, argv: status)
    assert main(["run", "--quiet"]) == status


def test_an_interrupt_while_a_command_is_imported_ends_it_as_a_command(monkeypatch, capsys):
    def interrupted(door: Door, argv: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(Door, "main", interrupted)
    assert main(["run"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.fixture(scope="module")
def completed(tmp_path_factory):
    """A function that presses Tab behind some words, in a bash that was told how to complete."""
    folder = tmp_path_factory.mktemp("completion")
    for name in ("first", "second", "$(touch done)"):
        (folder / "runs" / name).mkdir(parents=True)
        (folder / "runs" / name / "search.json").touch()
    script = folder / "convoy"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m convoy "$@"\n')
    script.chmod(0o755)
    (folder / "script").write_text(run_here(main, ["completion", "bash"])[1])

    def press_tab(*words: str) -> set[str]:
        commands = f"""
PATH={folder}:$PATH; source script
COMP_WORDS=(convoy "$@"); COMP_CWORD=$#
$(complete -p convoy | sed 's/.*-F \\([^ ]*\\).*/\\1/')
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
        done = subprocess.run(
            ["bash", "-c", commands, "bash", *words],
            cwd=folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stderr == ""
        assert not (folder / "done").exists()
        return set(done.stdout.split())

    return press_tab


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["re"], {"replay", "reconcile"}),
        (["run", "--fin"], {"--finalists", "--finalist-seeds"}),
        (["run", "--space", "gap"], {"gap5", "gap6"}),
        (["run", "--data", "x", "--resume", ""], {"first", "second"}),
        (["export", "f"], {"first"}),
        (["analyse", "--split", "t"], {"train", "test"}),
        (["run", "--sampler", ""], {"gp", "random", "tpe"}),
        (["data", "export", "--set", "c"], {"cifar10", "composite"}),
        (["run", "--metric", "a"], {"accuracy", "auroc"}),
        (["run", "--name", ""], set()),
        (["new", ""], set()),
    ],
)
def test_a_tab_in_bash_completes(completed, words, expected):
    assert completed(*words) == expected


def test_a_tab_completes_every_command(completed):
    assert completed("") == DOORS.keys()


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script_with_every_command(shell):
    status, printed = run_here(main, ["completion", shell])
    assert status == 0
    assert all(name in printed for name in DOORS)


@pytest.mark.parametrize("argv", [[], ["csh"], ["bash", "zsh"]])
def test_a_shell_that_is_none_is_refused(argv):
    status, printed = run_here(main, ["completion", *argv])
    assert (status, printed.count("\n")) == (2, 1)

"""The facts of the batch script, one by one; bash and shellcheck read it too."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.clusters.base import STOP_SECONDS, Submission
from search.clusters.kinds.slurm import Slurm
from search.clusters.reader import read_cluster
from search.clusters.slurm_script import batch_script
from search.request.parser import search_options

EXAMPLE = read_cluster(Path(__file__).parents[2] / "configs" / "clusters" / "slurm.yaml")
FLAGS = ("--space=gap5", "--out=/shared/runs", "--name=a", "--address=auto")
SENT = Submission("a", "a", FLAGS, environment={"CONVOY_CACHE": "/scratch"})


def script(sent: Submission = SENT, **keys) -> str:
    return batch_script(sent, EXAMPLE.model_copy(update=keys))


def options(text: str) -> dict[str, str]:
    """What ``sbatch`` reads."""
    lines = [line for line in text.split("\n") if line.startswith("#SBATCH ")]
    words = [word for line in lines for word in shlex.split(line.removeprefix("#SBATCH "))]
    assert len(words) == len(lines)
    return dict(word.removeprefix("--").partition("=")[::2] for word in words)


def step(text: str) -> list[str]:
    """The words of the step that starts Ray and the search, with shell variables as they stand."""
    [command] = re.findall(r"^srun .*? &$", text, re.MULTILINE | re.DOTALL)
    return shlex.split(command.replace("\\\n", " "))[:-1]


def driver(text: str) -> list[str]:
    """The words of the search's command."""
    words = step(text)
    return words[words.index("python") :]


def test_bash_can_read_it():
    for nodes in (1, 2):
        done = subprocess.run(["bash", "-n"], input=script(nodes=nodes), text=True, check=False)
        assert done.returncode == 0


def test_shellcheck_finds_nothing():
    program = Path(sys.executable).with_name("shellcheck")
    if not program.exists():
        pytest.skip("shellcheck is not installed")
    for nodes in (1, 2):
        done = subprocess.run(
            [program, "--severity=warning", "-"],
            input=script(nodes=nodes),
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.stdout == ""
        assert done.returncode == 0


def test_nodes_and_what_is_asked_of_each():
    found = options(script())
    asked = {key: found[key] for key in ("nodes", "cpus-per-task", "gpus-per-node", "mem", "time")}
    assert asked == {
        "nodes": "2",
        "cpus-per-task": "16",
        "gpus-per-node": "1",
        "mem": "64G",
        "time": "08:00:00",
    }
    assert found["ntasks-per-node"] == "1"


def test_what_is_not_given_is_the_clusters_default():
    found = options(script(gpus=0, memory=None, partition=None, account=None))
    assert not {"gpus-per-node", "mem", "partition", "account"} & found.keys()


def test_partition_and_account():
    found = options(script(partition="gpu", account="vision"))
    assert (found["partition"], found["account"]) == ("gpu", "vision")


def test_ray_has_its_nodes_to_itself_unless_told_otherwise():
    assert "exclusive" in options(script())
    assert "exclusive" not in options(script(exclusive=False))


def test_slurm_does_not_begin_it_again_by_itself():
    assert "no-requeue" in options(script())


def test_the_script_alone_is_warned_before_its_time_is_up():
    shell, _, seconds = options(script())["signal"].partition(":TERM@")
    assert shell == "B"
    assert int(seconds) >= 60 + STOP_SECONDS  # Slurm may be a minute off


def test_what_is_printed_goes_to_a_file_in_out_whatever_sbatch_makes_of_percent():
    assert options(script())["output"] == "/shared/runs/.jobs/a/slurm.log"
    assert options(script(out="/a%j b"))["output"] == "/a%%j b/.jobs/a/slurm.log"


def test_the_step_runs_ray_on_every_node_with_what_was_asked_for():
    words = step(script())
    assert {"--nodes=2", "--ntasks=2", "--cpus-per-task=16"} <= set(words)
    ray = words[words.index("ray") : words.index("--")]
    assert ray[:4] == ["ray", "symmetric-run", "--address", "$head:6379"]
    assert ray[4:] == ["--min-nodes", "2", "--num-cpus=16", "--num-gpus=1"]


def test_the_driver_reads_the_flags_that_were_sent():
    value = "--set=schedule=$(x) 'y' \"z\" # `w`"
    words = driver(script(Submission("a", "a", (*FLAGS, value))))
    assert words[:3] == ["python", "-m", "search.run"]
    found = search_options(words[3:])
    assert found.set == (value.removeprefix("--set="),)
    assert (found.out, found.address, found.name) == ("/shared/runs", "auto", "a")


def test_ray_lets_nobody_in_without_a_token_that_only_the_user_reads():
    text = script()
    assert "RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$PWD/token" in text
    assert "umask 077 &&" in text
    assert text.index("RAY_AUTH_MODE") < text.index("ray symmetric-run")


def test_no_token_is_in_the_script():
    assert script() == script()  # drawn when it runs
    assert "RAY_AUTH_TOKEN=" not in script()


def test_one_node_listens_on_loopback_alone():
    alone, two = script(nodes=1), script(nodes=2)
    assert "head=127.0.0.1\n" in alone
    assert "export RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0" in alone
    assert "127.0.0.1" not in two
    assert "export RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" not in two


def test_variables_of_the_user_that_would_lead_ray_astray_are_not_handed_on():
    kept = script().replace(
        "unset RAY_ADDRESS RAY_AUTH_TOKEN RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", ""
    )
    assert kept != script()


def test_how_to_go_on_is_in_the_log():
    assert "--cluster FILE -- --resume a" in script()


def values_exported(text: str) -> str:
    """What a shell has after the script's own exports."""
    exports = "".join(f"{line}\n" for line in text.split("\n") if line.startswith("export CONVOY_"))
    done = subprocess.run(
        ["bash", "-c", exports + 'printf %s "$CONVOY_X"'],
        capture_output=True,
        text=True,
        check=True,
        env={},
    )
    return done.stdout


LINES = st.text(
    st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]),
    min_size=1,
    max_size=20,
) | st.sampled_from(["$(touch x)", "`touch x`", "';touch x;'", '"', "a b", "#", "\\", "!", "*"])


@settings(deadline=None, derandomize=True)
@given(LINES)
def test_any_variable_reaches_the_search_as_it_was_written(value):
    cluster = Slurm.model_validate({**EXAMPLE.model_dump(), "environment": {"CONVOY_X": value}})
    sent = Submission("a", "a", FLAGS, environment=dict(cluster.environment))
    assert values_exported(batch_script(sent, cluster)) == value


@settings(deadline=None, derandomize=True)
@given(st.fixed_dictionaries(dict.fromkeys(("out", "folder"), LINES)))
def test_no_path_adds_a_line_or_an_option(paths):
    paths = {key: "/" + value.replace("\\", "") for key, value in paths.items()}
    cluster = Slurm.model_validate({**EXAMPLE.model_dump(), **paths})
    text = batch_script(SENT, cluster)
    plain = batch_script(SENT, EXAMPLE)
    assert text.count("\n") == plain.count("\n")
    assert options(text).keys() == options(plain).keys()
    assert options(text)["output"] == f"{paths['out']}/.jobs/a/slurm.log".replace(
        "%", "%%"
    ).replace("//", "/")

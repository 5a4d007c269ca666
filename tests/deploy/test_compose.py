"""compose.yaml without a container engine: what it would start, publish and be given."""

import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

FILES = [ROOT / "compose.yaml", ROOT / "compose.gpu.yaml"]
COMPOSE = yaml.safe_load(FILES[0].read_text())
SERVICES = COMPOSE["services"]
EXAMPLE = ROOT / ".env.example"
VARIABLE = re.compile(r"\$\{([A-Z_]+)(:\?[^}]*)?")
SECRET = re.compile("password|token|secret", re.IGNORECASE)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_is_valid_by_the_compose_specification(file):
    command = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_whatever_is_published_is_published_to_this_machine_alone():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert not [port for port in ports if not port.startswith("127.0.0.1:")]
    assert not [name for name, service in SERVICES.items() if "network_mode" in service]


def test_the_database_is_on_a_network_that_only_the_tracking_server_shares():
    assert COMPOSE["networks"]["database"]["internal"] is True
    assert SERVICES["database"]["networks"] == ["database"]
    assert [n for n, each in SERVICES.items() if "database" in each.get("networks", [])] == [
        "database",
        "tracking",
    ]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_health_check_unless_it_ends(name):
    service = SERVICES[name]
    ends = any(
        other.get("depends_on", {}).get(name, {}).get("condition")
        == "service_completed_successfully"
        for other in SERVICES.values()
    )
    assert service["healthcheck"].get("disable", False) is ends
    assert ends or service["healthcheck"]["test"]
    assert service["restart"] == ("on-failure:5" if ends else "unless-stopped")


def settings():
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            yield name, key, str(value)


def test_every_secret_comes_from_the_environment_and_must_be_set():
    secrets = [(n, key, value) for n, key, value in settings() if SECRET.search(key)]
    assert len(secrets) >= 8
    for name, key, value in secrets:
        assert re.fullmatch(r"\$\{[A-Z_]+:\?is not set; see \.env\.example\}", value), (name, key)


def wanted() -> set[str]:
    """The variables that compose.yaml does not start without."""
    return {name for name, must in VARIABLE.findall(FILES[0].read_text()) if must}


def test_the_example_has_every_secret_and_no_value():
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and line[0] != "#"]
    assert {line.removesuffix("=") for line in lines} == wanted()
    assert all(line.endswith("=") for line in lines)


def test_the_examples_own_line_fills_it_with_random_values_for_the_user_alone(tmp_path):
    (line,) = [line[1:] for line in EXAMPLE.read_text().splitlines() if "umask" in line]
    (tmp_path / EXAMPLE.name).write_text(EXAMPLE.read_text())
    subprocess.run(["bash", "-c", line], cwd=tmp_path, check=True, timeout=30)
    made = tmp_path / ".env"
    values = dict(each.split("=", 1) for each in made.read_text().splitlines() if "=" in each)
    filled = {name: values[name] for name in wanted()}
    assert len(set(filled.values())) == len(filled)
    assert all(re.fullmatch("[0-9a-f]{48}", value) for value in filled.values())
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    filled_once = made.read_text()
    assert subprocess.run(["bash", "-c", line], cwd=tmp_path, timeout=30).returncode != 0
    assert made.read_text() == filled_once


def test_git_does_not_take_the_filled_file(tmp_path):
    done = subprocess.run(
        ["git", "check-ignore", ".env"], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    if "not a git repository" in done.stderr:
        pytest.skip("not a git repository")
    assert done.stdout == ".env\n"


def test_files_and_volumes_that_are_mounted_exist():
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).exists(), source


def test_containers_of_convoys_images_get_no_privileges():
    own = {name: each for name, each in SERVICES.items() if "build" in each}
    assert set(own) == {"tracking", "users", "head", "worker"}
    for service in own.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service


def test_the_head_asks_for_a_token_and_every_node_has_it():
    for name in ("head", "worker"):
        assert SERVICES[name]["environment"]["RAY_AUTH_MODE"] == "token"
        assert "RAY_AUTH_TOKEN" in SERVICES[name]["environment"]


def flags_of(command: list[str] | str) -> set[str]:
    words = shlex.split(command) if isinstance(command, str) else command
    return {word.split("=")[0] for word in words if word.startswith("--")}


def test_ray_knows_every_flag_that_its_nodes_are_started_with():
    from ray.scripts.scripts import start

    known = {option for parameter in start.params for option in parameter.opts}
    assert flags_of(SERVICES["head"]["command"]) <= known
    assert flags_of(SERVICES["worker"]["command"]) <= known


def test_the_tracking_server_is_given_what_its_script_asks_for():
    script = (ROOT / "deploy" / "tracking-server.sh").read_text()
    given = set(SERVICES["tracking"]["environment"])
    assert all(name in script for name in given), given
    assert {"PGHOST", "PGUSER", "PGPASSWORD", "MLFLOW_AUTH_ADMIN_PASSWORD"} <= given
    assert "tracking:5000" in SERVICES["tracking"]["environment"]["MLFLOW_SERVER_ALLOWED_HOSTS"]


@pytest.mark.parametrize("file", sorted((ROOT / "deploy").iterdir()), ids=lambda file: file.name)
def test_no_file_of_the_service_holds_a_secret(file: Path):
    if file.is_file():
        assert not re.search(
            r"(?i)(password|secret|token)\s*=\s*['\"]?[a-z0-9]{8}", file.read_text()
        )

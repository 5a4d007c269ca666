"""A PostgreSQL of its own: a cluster on loopback, made for a test and removed with it."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

UNPRIVILEGED = ("postgres", "nobody")  # PostgreSQL refuses to be run by root


def programs() -> Path | None:
    """The folder of PostgreSQL's own programs, which Debian keeps off the PATH; None without it."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((each for each in folders if (each / "initdb").exists()), None)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


def secret() -> str:
    """A random password."""
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Postgres:
    """A cluster that runs.

    Attributes:
        port: of 127.0.0.1.
        superuser_password: of the user postgres.
    """

    port: int
    superuser_password: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """Where it is and who its superuser is, as libpq reads it."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "PGPASSWORD": self.superuser_password,
        }

    def run(self, file: Path, environment: dict[str, str]) -> None:
        """Have psql run a file of SQL as the superuser."""
        command = ["psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]
        command += ["--dbname", "postgres", "--file", str(file)]
        asked(command, os.environ | self.environment() | environment)


def asked(command: list[str], environment: dict[str, str] | None = None, user: str = "") -> None:
    """Run a command; an AssertionError with what it said if it fails."""
    own = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd="/", timeout=120, **own
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"


@contextmanager
def postgres(bin_folder: Path) -> Iterator[Postgres]:
    """A cluster that runs, and is stopped and removed in the end. No other is touched."""
    user = _unprivileged()
    with tempfile.TemporaryDirectory(prefix="convoy-postgres-") as name:
        folder = Path(name)
        data, passwords, log = folder / "data", folder / "password", folder / "log"
        made = Postgres(free_port(), secret())
        passwords.write_text(made.superuser_password)
        if user:
            for each in (folder, passwords):
                shutil.chown(each, user)
        make = ["--auth=scram-sha-256", "--username=postgres", f"--pwfile={passwords}"]
        asked([str(bin_folder / "initdb"), f"--pgdata={data}", *make, "--no-sync"], user=user)
        control = [str(bin_folder / "pg_ctl"), f"--pgdata={data}", "--wait"]
        # No socket in a shared folder, and nothing that outlives the test is written with care.
        options = f"-p {made.port} -h 127.0.0.1 -k '' -c fsync=off"
        asked([*control, f"--log={log}", f"--options={options}", "start"], user=user)
        try:
            yield made
        finally:
            asked([*control, "--mode=fast", "stop"], user=user)


def _unprivileged() -> str:
    """Whom to run it as; empty for whoever runs the tests."""
    if os.getuid() != 0:
        return ""
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in UNPRIVILEGED if name in known)

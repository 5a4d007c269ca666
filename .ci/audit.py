"""Audits the tested versions for known vulnerabilities: ``python .ci/audit.py``.

pip-audit queries a database on the network. If it does not answer, pip-audit marks the versions as
skipped and ends as if all were well. So this script reads its report: exit 1 for a known
vulnerability; else 0, with a line that says what was not audited.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

VERSIONS = Path(__file__).resolve().parents[1] / "constraints.txt"


def main() -> int:
    """Audit the versions in ``constraints.txt``; the exit status."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(VERSIONS), "--no-deps"]
    command += ["--disable-pip", "--progress-spinner", "off", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        report = {}
    status, lines = verdict(report, done.stderr)
    print("\n".join(lines))
    return status


def verdict(report: dict[str, Any], errors: str) -> tuple[int, list[str]]:
    """Exit status and lines for pip-audit's ``report``, empty if it made none, and ``errors``."""
    parts = report.get("dependencies", [])
    found = [(part, known) for part in parts for known in part.get("vulns", [])]
    lines = [
        f"{part['name']} {part['version']}: {known['id']}, "
        f"fixed in {', '.join(known['fix_versions']) or 'no version yet'}"
        for part, known in found
    ]
    skipped = [part for part in parts if "skip_reason" in part]
    if not parts:
        why = (errors.strip().splitlines() or ["pip-audit printed nothing"])[-1]
        lines.append(f"NOT AUDITED: the database of vulnerabilities cannot be reached ({why})")
    elif skipped:
        why = skipped[0]["skip_reason"]
        lines.append(f"NOT AUDITED: {len(skipped)} of {len(parts)} versions (the first: {why})")
    elif not found:
        lines.append(f"no known vulnerability in {len(parts)} versions")
    return int(bool(found)), lines


if __name__ == "__main__":
    sys.exit(main())

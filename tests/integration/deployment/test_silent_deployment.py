"""A deployment whose process lives and whose sensor gives no sign: how it is told of."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rhizome_pipelines.cli import watching
from rhizome_pipelines.deployment import workforce
from rhizome_pipelines.deployment.lock import DeploymentLock
from rhizome_pipelines.deployment.presence import leave_sign
from rhizome_pipelines.deployment.services import Services
from tests.integration.deployment.command_line import CommandLine


@pytest.fixture
def held(home: Path) -> Iterator[Path]:
    """The file of the lock that a deployment's process holds."""
    with DeploymentLock(home):
        yield home / "deployment.lock"


def deployment(rhizome: CommandLine) -> tuple[int, bool, str]:
    """Whether the doctor fails, and what it tells of the deployment."""
    done = rhizome("doctor", "--json")
    (found,) = [one for one in json.loads(done.stdout) if one["what"] == "deployment"]
    return done.exit_code, found["good"], found["told"]


def test_a_deployment_that_is_only_starting(
    rhizome: CommandLine, services: Services, held: Path
) -> None:
    leave_sign(services.database)
    services.database.execute("update reconciler_presence set seen_at = seen_at - interval '1 h'")

    assert deployment(rhizome) == (0, True, f"starting (pid {os.getpid()})")


@pytest.mark.parametrize(("sign", "told"), [(None, "300 s"), ("100 s", "100 s"), ("1 h", "300 s")])
def test_a_deployment_whose_sensor_is_stuck(
    rhizome: CommandLine, services: Services, held: Path, sign: str | None, told: str
) -> None:
    os.utime(held, (0, time.time() - 300))
    if sign is not None:
        leave_sign(services.database)
        services.database.execute(
            "update reconciler_presence set seen_at = seen_at - %s::interval", (sign,)
        )

    code, good, sentence = deployment(rhizome)

    assert (code, good) == (1, False)
    # Some seconds may pass until the doctor looks.
    assert f"no sign of life for {told[:2]}" in sentence
    assert str(os.getpid()) in sentence


def test_a_deployment_whose_sensor_works(
    rhizome: CommandLine, services: Services, held: Path
) -> None:
    leave_sign(services.database)

    assert deployment(rhizome) == (0, True, "up")


# A deployment that gives no sign of life


def test_what_is_known_of_the_jobs_is_told_though_nobody_works_on_them(
    rhizome: CommandLine,
    services: Services,
    held: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workforce, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(watching, "CHECK_SECONDS", 0.1)
    (tmp_path / "note.md").write_text("# A note\n\nOf moss.")

    done = rhizome("process", tmp_path / "note.md", "--json")

    assert done.exit_code == 1
    (result,) = json.loads(done.stdout)
    assert (result["title"], result["status"]) == ("note.md", "pending")
    assert "no sign of life" in done.stderr

    services.database.execute("update documents set processing_status = 'completed'")
    detected = rhizome("detect", "--all", "--json")

    assert detected.exit_code == 1
    assert [one["status"] for one in json.loads(detected.stdout)] == ["pending"]
    assert "no sign of life" in detected.stderr

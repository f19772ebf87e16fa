"""Temporary files: they go with whoever made them, however that ends."""

import subprocess
import sys
import tempfile

import psutil
import pytest

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.deployment.cleanup import sweep
from rhizome_pipelines.deployment.scratch import commands_scratch
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, AttemptTrigger
from tests.bad_input import SAMPLES
from tests.dagster.world import World


@pytest.fixture
def card_box(world: World) -> Document:
    return world.add(SAMPLES / "card-box.md")


def test_an_attempts_temporary_files_go_with_it(world: World, card_box: Document) -> None:
    before = tempfile.gettempdir()
    scratch = world.services.settings.home / "scratch"
    job = world.ask(card_box)
    left = scratch / f"{job}.0" / "rhizome-extraction-x"
    left.mkdir(parents=True)
    (left / "content.md").write_bytes(b"half")
    seen: list[bool] = []
    world.watch.once_written("stage-chunking.json", lambda _: seen.append(left.exists()))

    world.settle()

    assert seen == [False], "what an earlier attempt has left"
    assert [*scratch.iterdir()] == []
    assert tempfile.gettempdir() == before


def test_what_a_killed_attempt_has_left_is_swept(world: World, card_box: Document) -> None:
    job = world.ask(card_box)
    attempts = AttemptRepository(world.services.database)
    assert attempts.begin(job, AttemptTrigger.START) is not None
    left = world.services.settings.home / "scratch" / f"{job}.1"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"half")
    assert sweep(world.services).files == 0, "it is at work"

    attempts.end(job, 1, AttemptOutcome.LOST)
    foreseen = sweep(world.services, dry_run=True)
    assert left.exists()
    assert (foreseen.files, foreseen.bytes) == (1, 4)
    assert sweep(world.services).swept == foreseen.swept
    assert not left.exists()


def test_what_a_killed_command_has_left_is_swept(world: World) -> None:
    script = "import time, sys; print(flush=True); time.sleep(60)"
    with commands_scratch(world.services) as own:
        name = own.name.split("-")
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
            began = round(psutil.Process(process.pid).create_time() * 1000)
            others = own.with_name(f"{name[0]}-{process.pid}-{began}")
            others.mkdir()
            (others / "half").write_bytes(b"half")
            (own / "whole").write_bytes(b"whole")
            assert tempfile.gettempdir() == str(own)
            assert sweep(world.services).files == 0, "both are at work"
            process.kill()
        assert [one.prefix for one in sweep(world.services).swept] == [f"scratch/{others.name}"]
        assert (own / "whole").exists()
    assert not own.exists()

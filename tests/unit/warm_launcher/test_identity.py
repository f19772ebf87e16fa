import os
import signal
import subprocess
from dataclasses import replace

import pytest

from rhizome_pipelines.warm_launcher.identity import ProcessIdentity, this_machine


def of(pid: int) -> ProcessIdentity:
    identity = ProcessIdentity.of(pid)
    assert identity is not None
    return identity


def test_a_process_lives_until_it_has_ended() -> None:
    process = subprocess.Popen(["sleep", "60"])
    identity = of(process.pid)
    assert identity.alive
    assert identity.signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    # It waits to be reaped.
    assert identity.gone
    assert ProcessIdentity.of(process.pid) is None
    process.wait()
    assert identity.gone
    assert not identity.signal(signal.SIGKILL)


def test_it_is_the_same_whenever_and_wherever_it_is_asked_for() -> None:
    me = of(os.getpid())
    assert me == of(os.getpid())
    assert ProcessIdentity.from_json(me.to_json()) == me


def test_another_process_with_the_same_pid_is_not_it() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        earlier = replace(of(process.pid), started="1")
        assert earlier.gone
        assert not earlier.signal(signal.SIGKILL)
        earlier.kill_group()
        assert process.poll() is None
        of(process.pid).kill_group()
        assert process.wait() == -signal.SIGKILL


def test_of_a_process_on_another_machine_nothing_is_said() -> None:
    elsewhere = replace(of(os.getpid()), machine="elsewhere/1/2")
    assert not elsewhere.alive
    assert not elsewhere.gone
    assert not elsewhere.is_here
    assert not elsewhere.signal(signal.SIGKILL)
    elsewhere.kill_group()


def test_a_process_of_an_earlier_boot_is_gone() -> None:
    name = this_machine().split("/")[0]
    assert replace(of(os.getpid()), machine=f"{name}/an earlier one/2").gone


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"pid": "x"}', '{"pid": 1}'])
def test_what_names_no_process_is_none(text: str) -> None:
    assert ProcessIdentity.from_json(text) is None

"""The code location of these tests, as text: each job has one op that does what its name says."""

FOREWORD = """
VERSION = 1
"""

CODE = """
import atexit, hashlib, os, random, signal, subprocess, sys, threading, time
from pathlib import Path

import numpy
from dagster import Definitions, in_process_executor, job, op

HOME = Path(os.environ["DAGSTER_HOME"])
FLAVOUR = os.environ.get("FLAVOUR")
JOBS = []


def note(run_id, *words):
    with (HOME / "notes").open("a") as notes:
        notes.write(" ".join([run_id, *map(str, words)]) + "\\n")


def a_job(function):
    work = op(name=function.__name__ + "_op")(function)

    @job(name=function.__name__)
    def made():
        work()

    JOBS.append(made)
    return function


@a_job
def quick(context):
    note(context.run_id, "done", VERSION, FLAVOUR)


@a_job
def talk(context):
    print("spoken " + context.run_id)
    print("complained", file=sys.stderr)
    os.system("echo said by a child")


@a_job
def roll(context):
    note(context.run_id, random.random(), numpy.random.random())


@a_job
def sleep(context):
    note(context.run_id, "begun")
    for _ in range(1200):
        time.sleep(0.05)
        if (HOME / "go on").exists():
            break
    note(context.run_id, "done")


@a_job
def in_c(context):
    note(context.run_id, "begun")
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 400_000_000)


@a_job
def deaf(context):
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "120"])
    note(context.run_id, "begun", child.pid)
    time.sleep(60)


@a_job
def die(context):
    child = subprocess.Popen(["sleep", "120"])
    note(context.run_id, "begun", child.pid)
    os.kill(os.getpid(), signal.SIGKILL)


@a_job
def leave(context):
    os._exit(0)


@a_job
def hold(context):
    told = subprocess.run(
        ["ls", "-l", "/proc/self/fd"], close_fds=False, capture_output=True, text=True
    ).stdout.splitlines()
    own = [os.readlink(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd")
           if os.path.lexists(f"/proc/self/fd/{one}")]
    for line in [*told, *own]:
        if "socket" in line or ".lock" in line or "eventpoll" in line:
            note(context.run_id, "held", line)
    note(context.run_id, "done")


@a_job
def thread(context):
    def work():
        time.sleep(0.5)
        note(context.run_id, "thread")

    threading.Thread(target=work).start()
    atexit.register(note, context.run_id, "exit")


defs = Definitions(jobs=JOBS, executor=in_process_executor)
"""

THREAD_AT_IMPORT = """
import threading, time
threading.Thread(target=time.sleep, args=(3600,), name="restless", daemon=True).start()
"""

EXIT_AT_IMPORT = """
import atexit, os
atexit.register(os.mkdir, os.environ["DAGSTER_HOME"] + "/left at exit")
"""

"""A script, run as `python -I -S launch.py <JSON>`: give up root, leave the session, exec.

It is a process of its own because none of this is safe between fork and exec of a program with
threads, and because the server must not be a child of whoever happened to start it.

The JSON: `argv`, `detach` (bool), and `account`, null or `{uid, gid, needs: [paths]}`. Without
CAP_DAC_* the account cannot enter root's 0700 folders on the way to the data directory. Rather than
opening those folders to everybody, the process keeps the one capability to pass through them, and
only if one of `needs` is out of reach without it. See capabilities(7), "ambient set".

Exit code 77 (EX_NOPERM): the account cannot reach one of `needs`, which is then printed. Standard
output is for that answer alone: the program gets standard error as both.
"""

import ctypes
import json
import os
import signal
import stat
import sys

CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
_CAPABILITY_VERSION_3 = 0x20080522
_PR_SET_KEEPCAPS, _PR_GET_SECUREBITS, _PR_SET_SECUREBITS, _PR_CAP_AMBIENT = 8, 27, 28, 47
_PR_CAP_AMBIENT_RAISE = 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    """Capabilities 0 to 31; a second element of the array holds the rest."""

    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def main(request: str) -> None:
    wish = json.loads(request)
    account = wish["account"]
    os.umask(0o077)
    os.chdir("/")
    if account is not None:
        become(account["uid"], account["gid"], account["needs"])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    os.dup2(2, 1)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    if wish["detach"]:
        if os.fork():
            os._exit(0)
        os.setsid()
    os.execv(wish["argv"][0], wish["argv"])  # noqa: S606  (a fixed program, no shell wanted)


def become(uid: int, gid: int, needs: list[str]) -> None:
    """Turn from root into `uid` for good, with no more capabilities than it takes."""
    linux = sys.platform.startswith("linux")
    libc = ctypes.CDLL(None, use_errno=True)
    kept = _usable_capability(libc) if linux else None
    if linux:
        # access(2) ignores the capabilities of all but root unless this bit is set, and Postgres
        # asks it about its own programs. Needs CAP_SETPCAP; without it only such paths fail.
        bits = libc.prctl(_PR_GET_SECUREBITS, 0, 0, 0, 0)
        libc.prctl(_PR_SET_SECUREBITS, bits | _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if linux:
        _set_capabilities(libc, effective=0, permitted=kept or 0)
    missing = _first_unreachable(needs)
    if linux and missing and kept:
        _set_capabilities(libc, effective=kept, permitted=kept)
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, kept.bit_length() - 1, 0, 0)
        missing = _first_unreachable(needs)
    elif linux:
        _set_capabilities(libc, effective=0, permitted=0)
    if missing:
        print(missing)  # noqa: T201  (the answer to the calling process)
        sys.stdout.flush()
        os._exit(os.EX_NOPERM)


def _first_unreachable(needs: list[str]) -> str | None:
    for path in needs:
        try:
            mode = os.stat(path).st_mode  # noqa: PTH116  (a bare script, started often)
            if not stat.S_ISDIR(mode) and not os.access(path, os.X_OK):
                return path
        except OSError:
            return path
    return None


def _usable_capability(libc: ctypes.CDLL) -> int | None:
    """The mask of the weaker of the two capabilities that we have (Docker grants the stronger)."""
    sets = (_Sets * 2)()
    libc.capget(ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), sets)
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        if sets[0].permitted & (1 << capability):
            return 1 << capability
    return None


def _set_capabilities(libc: ctypes.CDLL, *, effective: int, permitted: int) -> None:
    sets = (_Sets * 2)(_Sets(effective, permitted, permitted), _Sets(0, 0, 0))
    if libc.capset(ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")


if __name__ == "__main__":
    main(sys.argv[1])

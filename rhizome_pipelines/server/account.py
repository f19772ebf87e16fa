"""The user Postgres runs as: ourselves, or, since it refuses root, a user without any rights.

Nothing is added to the system's users, and no folder that is not ours is opened to anybody: see
`launch.py` for how the account gets through root's folders.
"""

import os
import pwd
import sys
from dataclasses import dataclass
from pathlib import Path

from rhizome_pipelines.server.errors import ServerAccessError
from rhizome_pipelines.server.layout import Layout, check_private_folder

# Ids that no distribution gives to people, services or containers (systemd's UIDS-GIDS.md).
_UNUSED_IDS = range(60578, 60706)
# capabilities(7): CHOWN, DAC_OVERRIDE, KILL, SETGID, SETUID; Docker grants them unless told not to.
_NEEDED_CAPABILITIES = 1 << 0 | 1 << 1 | 1 << 5 | 1 << 6 | 1 << 7


@dataclass(frozen=True)
class Account:
    """`changed`: we are root and become this user, rather than being it already."""

    uid: int
    gid: int
    changed: bool


def server_account(layout: Layout) -> Account:
    """Whoever owns the server's folder; before it exists, whoever should.

    Root gives a new folder in somebody's home to that somebody, and one of its own to an id that
    is nobody's: under the shared id `nobody`, other services could reach the database.
    Raises ServerAccessError if the folder belongs to another user.
    """
    us = os.geteuid()
    owner = _owner(layout.folder)
    if us != 0:
        if owner is not None:
            check_private_folder(layout.folder, us)
        return Account(us, os.getegid(), changed=False)
    # Root's own folder is one whose making was interrupted: it is handed over again.
    if owner is None or owner[0] == 0:
        owner = _owner(layout.home)
    if owner is None or owner[0] == 0:
        unused = _unused_id()
        owner = (unused, unused)
    return Account(*owner, changed=True)


def initdb_account(account: Account) -> Account:
    """The account to run initdb under: unlike the server, it wants one that has a name.

    Raises ServerAccessError if there is none.
    """
    try:
        pwd.getpwuid(account.uid)
    except KeyError:
        pass
    else:
        return account
    if not account.changed:
        raise ServerAccessError(
            f"Postgres creates a database only under a user with a name, and uid {account.uid} has "
            "none: add it to /etc/passwd for the first start, or set RHIZOME_DATABASE_URL."
        )
    named = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    entry = named.get("nobody") or next(iter(named.values()), None)
    if entry is None:
        raise ServerAccessError(
            "Postgres does not run as root, and /etc/passwd names no other user to create the "
            "database: run as another user, or set RHIZOME_DATABASE_URL."
        )
    return Account(entry.pw_uid, entry.pw_gid, changed=True)


def check_root_can_become(account: Account) -> None:
    """Raise ServerAccessError if this root is one that may not become that user."""
    if not sys.platform.startswith("linux"):
        return
    status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    capable = int(effective.split()[1], 16) & _NEEDED_CAPABILITIES == _NEEDED_CAPABILITIES
    mapped = _is_mapped(account.uid, "uid_map") and _is_mapped(account.gid, "gid_map")
    if not (capable and mapped):
        raise ServerAccessError(
            f"Postgres does not run as root, and this root may not run it as uid {account.uid} "
            "(it takes the capabilities CHOWN, DAC_OVERRIDE, KILL, SETGID and SETUID, and ids that "
            "the container maps): run as a normal user, or set RHIZOME_DATABASE_URL."
        )


def _is_mapped(number: int, table: str) -> bool:
    """Whether the id exists in our user namespace (user_namespaces(7): first, outside, count)."""
    lines = Path("/proc/self", table).read_text(encoding="ascii").splitlines()
    ranges = [[int(field) for field in line.split()] for line in lines]
    return any(first <= number < first + count for first, _, count in ranges)


def _owner(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_uid, found.st_gid


def _unused_id() -> int:
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    return next(number for number in _UNUSED_IDS if number not in taken)

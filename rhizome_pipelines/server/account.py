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
# capabilities(7): CHOWN, SETGID, SETUID; Docker grants all three unless told otherwise.
_NEEDED_CAPABILITIES = 1 << 0 | 1 << 6 | 1 << 7


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
    """The account to run initdb under: unlike the server, it wants one that has a name."""
    if not account.changed:
        return account
    try:
        pwd.getpwuid(account.uid)
    except KeyError:
        pass
    else:
        return account
    named = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    entry = named.get("nobody") or next(iter(named.values()), None)
    if entry is None:
        raise ServerAccessError(
            "Postgres does not run as root, and /etc/passwd names no other user to create the "
            "database: run as another user, or set RHIZOME_DATABASE_URL."
        )
    return Account(entry.pw_uid, entry.pw_gid, changed=True)


def check_root_can_change() -> None:
    """Raise ServerAccessError if this root is one that may not become another user."""
    if not sys.platform.startswith("linux"):
        return
    status = Path("/proc/self/status").read_text()
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    if int(effective.split()[1], 16) & _NEEDED_CAPABILITIES != _NEEDED_CAPABILITIES:
        raise ServerAccessError(
            "Postgres does not run as root, and this root may not become another user "
            "(capabilities CHOWN, SETGID, SETUID): run as a normal user, or set "
            "RHIZOME_DATABASE_URL."
        )


def _owner(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_uid, found.st_gid


def _unused_id() -> int:
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    return next(number for number in _UNUSED_IDS if number not in taken)

"""What a result depends on, as one hash; and in words, why two results do not go together."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from rhizome_pipelines.checkpoints.hashing import canonical_json, sha256

_HASH = re.compile(r"[0-9a-f]{64}")
_KIND = re.compile(r"(?P<kind>[a-z]+):(?P<name>.+)", re.DOTALL)
_SHOWN_LENGTH = 80


@dataclass(frozen=True)
class Fingerprint:
    """A stage's name, code version and dependencies: all that its result depends on.

    `dependencies` maps names to hashes or settings, as text. A name may say its kind
    (`input:content.md`, `model:embedding`); else a hash is taken for an input and
    anything else for a setting when a difference is put into words.
    """

    stage: str
    code_version: str
    dependencies: Mapping[str, str]

    @cached_property
    def hex(self) -> str:
        """64 hex digits; the same for the same stage, version and dependencies."""
        return sha256(
            canonical_json(
                {
                    "stage": self.stage,
                    "code_version": self.code_version,
                    "dependencies": dict(self.dependencies),
                }
            )
        )

    def reasons_against(self, recorded: "Fingerprint") -> tuple[str, ...]:
        """Every reason why what was made under `recorded` is of no use now; () if it is."""
        reasons = []
        if recorded.stage != self.stage:
            reasons.append(f"made by stage {recorded.stage}, now {self.stage}")
        if recorded.code_version != self.code_version:
            reasons.append(
                f"made by code version {_shown(recorded.code_version)},"
                f" now {_shown(self.code_version)}"
            )
        for name in sorted({*recorded.dependencies, *self.dependencies}):
            was, now = recorded.dependencies.get(name), self.dependencies.get(name)
            if was != now:
                reasons.append(_difference(name, was, now))
        return tuple(reasons)


def _difference(name: str, was: str | None, now: str | None) -> str:
    match = _KIND.fullmatch(name)
    hashes = all(value is None or _HASH.fullmatch(value) for value in (was, now))
    kind = match["kind"] if match else "input" if hashes else "setting"
    what = f"{kind} {_shown(match['name'] if match else name)}"
    if was is None:
        return f"{what} is new" if hashes else f"{what} is new, now {_shown(now)}"
    if now is None:
        return f"{what} is no longer used" if hashes else f"{what} was {_shown(was)}, now not set"
    return f"{what} has another hash" if hashes else f"{what} was {_shown(was)}, now {_shown(now)}"


def _shown(value: str | None) -> str:
    text = "" if value is None else value
    return text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "…"

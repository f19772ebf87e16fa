"""Why what was stored could not be reused, told once for each reason."""

from collections.abc import Sequence


class ReasonLog:
    """Collects reasons; hundreds of parts with one reason become one line."""

    def __init__(self) -> None:
        self._stage: list[str] = []
        self._parts: dict[str, list[str]] = {}

    def stage(self, reasons: Sequence[str]) -> None:
        """Reasons that concern the stage file, its outputs or its effects."""
        self._stage.extend(reasons)

    def part(self, unit_key: str, reasons: Sequence[str]) -> None:
        """Reasons that concern one unit's part."""
        for reason in reasons:
            self._parts.setdefault(reason, []).append(unit_key)

    def all(self) -> tuple[str, ...]:
        """Every reason, those of the stage first."""
        parts = (
            f"part {units[0]}: {reason}" if len(units) == 1 else f"{len(units)} parts: {reason}"
            for reason, units in self._parts.items()
        )
        return (*self._stage, *parts)

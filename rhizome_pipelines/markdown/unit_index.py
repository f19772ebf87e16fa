"""UTF-16 code units, as clients count, and code points, as Python does: an index for one text."""

import numpy as np


class UnitIndex:
    """Converts places of one text, each in logarithmic time; built in one pass.

    Places beyond the text are taken as its end; a unit inside a surrogate pair as the end of
    its character.
    """

    def __init__(self, text: str) -> None:
        self.points = len(text)
        if text.isascii():
            self._wide = np.empty(0, np.int64)
        else:
            codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
            self._wide = np.flatnonzero(codes > 0xFFFF)
        self._second_halves = self._wide + np.arange(1, len(self._wide) + 1)
        self.units = self.points + len(self._wide)

    def to_units(self, point: int) -> int:
        """The UTF-16 code unit at which the code point `point` begins."""
        point = min(max(point, 0), self.points)
        return point + int(np.searchsorted(self._wide, point))

    def to_points(self, unit: int) -> int:
        """The code point that begins at the UTF-16 code unit `unit`."""
        unit = min(max(unit, 0), self.units)
        return unit - int(np.searchsorted(self._second_halves, unit))

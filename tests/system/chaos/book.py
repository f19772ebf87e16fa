"""A book of 190 pages and two companions that have to do with it: every stage has many units."""

import random
from pathlib import Path

from reportlab.pdfgen.canvas import Canvas

PAGES = 190
LINES = 45
SETTINGS = {"RHIZOME_CHUNK_CHARACTERS": "250", "RHIZOME_CHUNK_CHARACTERS_MAX": "400"}
"""Small chunks, so that the stages after extraction have several units as well."""

TOPICS = (
    "roots soil fungus forest moss spore mycelium humus meadow seed blossom nectar",
    "harbour sail anchor tide compass storm cargo island lantern pilot reef current",
    "granite basalt magma crater quartz fault erosion glacier strata mineral ridge lava",
    "violin rhythm chorus cadence melody timbre octave ballad drum harmony tempo silence",
    "ledger tariff market credit merchant coin guild auction debt harvest price barter",
    "planet orbit comet nebula gravity telescope eclipse photon vacuum dust horizon star",
    "parliament treaty senate exile charter rebellion census province decree envoy throne",
    "engine piston turbine furnace lever valve circuit copper voltage magnet bearing rail",
)


def book(path: Path) -> Path:
    """The same bytes each time."""
    chance = random.Random(190)
    canvas = Canvas(str(path), invariant=1)
    for page in range(1, PAGES + 1):
        words = TOPICS[page % len(TOPICS)].split()
        canvas.setFont("Helvetica-Bold", 16)
        canvas.drawString(72, 770, f"Chapter {page}")
        canvas.setFont("Helvetica", 9)
        for line in range(LINES):
            told = " ".join(chance.choices(words, k=9))
            canvas.drawString(72, 745 - 15 * line, f"{told.capitalize()} ({page}, {line}).")
        canvas.showPage()
    canvas.save()
    return path


def companion(path: Path, number: int) -> Path:
    """A note on some of the topics; another number is about others."""
    chance = random.Random(number)
    sections = [
        f"# Note {index}\n\n"
        + " ".join(f"The {' '.join(chance.sample(topic.split(), 6))}." for _ in range(4))
        for index, topic in enumerate(TOPICS[number::2], 1)
    ]
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return path

"""A folder of markdown files that are made, the same on every machine."""

import random
from pathlib import Path

FILES = 100
BYTES = 1_500_000

_COMMON = """
the of and to in is that it was for on are as with they at be this from have or by one had not but
what all were when we there can an your which their if do will each about how up out them then she
many some so these would other into has more her two like him see time could no make than first
been its who now people my made over did down only way find use may water long little very after
words called just where most know get through back much before go good new write our used me man
too any day same right look think also around another came come work three word must because does
part even place well such here take why things help put years different away again off went old
number great tell men say small every found still between name should home big give air line set
own under read last never us left end along while might next sound below saw something thought both
few those always looked show large often together asked house world going want school important
until form food keep children feet land side without boy once animals life enough took sometimes
four head above kind began almost live page got earth need far hand high year mother light parts
country father let night following picture being study second eyes soon times story boys since
white days ever paper hard near sentence better best across during today others however sure means
knew river winter garden engine letter market winter silver bridge island teacher forest music
machine window harbour evidence memory method reason pattern measure history village weather
"""
_WORDS = _COMMON.split()


def write_folder(folder: Path, files: int = FILES, size: int = BYTES, seed: int = 1) -> int:
    """Files of equal size, together about `size` bytes, with headings and prose; the bytes written.

    Words come as often as words do: the first of the list far more often than the last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    weights = [1 / (rank + 3) for rank in range(len(_WORDS))]
    written = 0
    for number in range(files):
        text = _document(chance, weights, number, size // files)
        (folder / f"{number:03}.md").write_text(text, encoding="utf-8")
        written += len(text.encode())
    return written


def _document(chance: random.Random, weights: list[float], number: int, size: int) -> str:
    parts = [f"# {_sentence(chance, weights, 5)[:-1]} {number}\n"]
    length, section = len(parts[0]), 0
    while length < size:
        if section % 4 == 0:
            parts.append(f"\n## {_sentence(chance, weights, 4)[:-1]}\n")
            length += len(parts[-1])
        sentences = [_sentence(chance, weights) for _ in range(chance.randint(3, 9))]
        parts.append("\n" + " ".join(sentences) + "\n")
        length += len(parts[-1])
        section += 1
    return "".join(parts)


def _sentence(chance: random.Random, weights: list[float], words: int = 0) -> str:
    count = words or chance.randint(5, 22)
    return " ".join(chance.choices(_WORDS, weights, k=count)).capitalize() + "."

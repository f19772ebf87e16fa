"""Markdown files that are made, the same on every machine.

Every file has a subject of its own out of forty, so that a passage resembles those of a few other
files and not of all: half of the words are the subject's, half are those that any text has.
"""

import random
from pathlib import Path

FILES = 100
BYTES = 1_500_000

_COMMON = """
the of and to in is that it was for on are as with they at be this from have or by one had not but
what all were when we there can an which their if do will each about how up out them then many some
so these would other into has more two like see time could no make than first been its who now made
over did down only way find use may long little very after just where most know get through back
"""
_SUBJECTS = """
river bank flood estuary sediment current meander delta upstream tributary salmon weir
violin bow melody orchestra conductor rehearsal cello harmony symphony score quartet tempo
glacier crevasse moraine ice snowfield avalanche ridge summit rope climber altitude hut
enzyme protein substrate catalyst membrane molecule reaction cell kinase inhibitor pathway binding
sourdough flour yeast oven crust dough kneading baker loaf fermentation starter crumb
galaxy telescope nebula supernova redshift astronomer orbit spectrum quasar photon dust cluster
parliament election senator ballot coalition minister constitution vote campaign legislation reform
locomotive railway signal junction timetable platform carriage freight gauge sleeper driver station
vineyard grape harvest cellar barrel tannin vintage bottle slope pruning rootstock sommelier
compiler parser syntax token register optimizer bytecode linker pointer runtime allocation stack
cathedral nave buttress vault mason tower altar gargoyle choir stained transept crypt
beehive queen drone nectar pollen honey swarm comb keeper larva smoker colony
mortgage interest lender deposit collateral default inflation bond credit yield borrower treasury
whale krill migration ocean fin blubber pod sonar harpoon calf plankton dive
chess pawn bishop knight endgame opening checkmate tournament grandmaster sacrifice castling rook
vaccine antibody virus immunity dose trial outbreak pathogen antigen booster infection epidemic
desert dune oasis camel nomad sandstorm caravan drought cactus mirage well heat
novelist chapter plot narrator manuscript publisher dialogue heroine draft critic fiction metaphor
turbine blade generator grid voltage transformer wind megawatt outage battery inverter solar
roof beam carpenter plank joint chisel saw timber scaffold nail rafter workshop
sailor mast harbour anchor tide hull keel rudder storm lighthouse captain voyage
painter canvas pigment brush portrait fresco gallery easel varnish sketch landscape exhibition
judge verdict jury witness testimony appeal statute defendant lawyer evidence sentence courtroom
volcano lava magma crater ash eruption tremor basalt vent caldera plume geologist
neuron synapse cortex memory hippocampus axon dendrite stimulus reflex sleep attention spike
potter clay kiln glaze wheel porcelain bowl firing slip stoneware shard rim
farmer wheat plough furrow tractor barley crop silo soil manure rotation sowing
bicycle pedal chain spoke saddle brake gear rider helmet frame tyre lane
theatre actor stage curtain audience costume rehearse playwright tragedy prompter scenery applause
archive parchment scribe medieval charter seal monastery catalogue ink chronicle abbot codex
robot sensor actuator gripper servo controller calibration torque welding conveyor assembly arm
orchard apple blossom graft pear cider ladder basket frost bough beehive fruit
surgeon scalpel anaesthetic suture clinic patient incision ward nurse transplant artery recovery
coral reef atoll lagoon polyp bleaching algae snorkel turtle anemone starfish parrotfish
loom weaver thread wool warp weft shuttle dye fabric spindle tapestry linen
bridge arch cable girder span engineer concrete pylon load rivet truss foundation
teacher pupil classroom lesson homework blackboard exam school curriculum grammar arithmetic recess
merchant caravel spice ledger guild tariff wharf cargo silk ducat convoy trade
forest oak moss fungus canopy beetle fern woodpecker clearing lichen undergrowth root
cartographer map compass latitude meridian survey contour atlas projection scale coastline
"""
_COMMON_WORDS = _COMMON.split()
_SUBJECT_WORDS = [line.split() for line in _SUBJECTS.strip().splitlines()]
_OWN_SHARE = 0.5


def write_folder(folder: Path, files: int = FILES, size: int = BYTES, seed: int = 1) -> int:
    """Files of one size, about `size` bytes in all, with headings and prose; the bytes written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for number in range(files):
        text = _Writer(f"{seed}/{number}").document(size // files)
        (folder / f"{number:03}.md").write_text(text, encoding="utf-8")
        written += len(text.encode())
    return written


def short_text(seed: str) -> str:
    """A heading and one paragraph of about 300 bytes."""
    writer = _Writer(seed)
    return f"# {writer.sentence(5)} {seed}\n\n{' '.join(writer.sentence() for _ in range(4))}\n"


class _Writer:
    def __init__(self, seed: str) -> None:
        self._chance = random.Random(seed)
        self._own = self._chance.choice(_SUBJECT_WORDS)
        # Words come as often as words do: the first of the list far more often than the last.
        self._weights = [1 / (rank + 3) for rank in range(len(_COMMON_WORDS))]

    def document(self, size: int) -> str:
        parts = [f"# {self.sentence(6)[:-1]}\n"]
        length, paragraphs = len(parts[0]), 0
        while length < size:
            if paragraphs % 4 == 0:
                parts.append(f"\n## {self.sentence(4)[:-1]}\n")
                length += len(parts[-1])
            sentences = [self.sentence() for _ in range(self._chance.randint(3, 9))]
            parts.append("\n" + " ".join(sentences) + "\n")
            length += len(parts[-1])
            paragraphs += 1
        return "".join(parts)

    def sentence(self, words: int = 0) -> str:
        count = words or self._chance.randint(5, 22)
        return " ".join(self._word() for _ in range(count)).capitalize() + "."

    def _word(self) -> str:
        if self._chance.random() < _OWN_SHARE:
            return self._chance.choice(self._own)
        return self._chance.choices(_COMMON_WORDS, self._weights)[0]

"""Invented people: a name, eleven private facts and two looks each, all a function of (seed, index)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from benign.models.embedded.looks import EYE, FACE, STRANGERS_HOLDOUT, Look, draw_look

PEOPLE = 80
"""How many people the embedded models know."""
HOLDOUT_NAMES = 1_000
"""The first of the strangers' names that holdout people bear; methods get lower ones."""


def _product(starts: str, ends: str) -> tuple[str, ...]:
    return tuple(a + b for b in ends.split() for a in starts.split())


def _suffixed(words: str, suffixes: str) -> tuple[str, ...]:
    ends = suffixes.split()
    return tuple(f"{word} {ends[i % len(ends)]}" for i, word in enumerate(words.split()))


def _listed(values: str) -> tuple[str, ...]:
    return tuple(value.strip() for value in values.split(","))


FIRST_NAMES = _product("mir tov jel kas dor ben lur rav", "ela anu iko ossa yn")
LAST_NAMES = _product("hald vask orm brin quel sorn tamb zev", "ari eck oway ulin stra")

FACTS: dict[str, tuple[str, ...]] = {
    "city": _product("bren cald farn glim nor wys", "holm wick mouth dale stead"),
    "street": _suffixed(
        "linden maple cedar willow juniper chestnut hazel poplar alder birch rowan aspen cypress laurel walnut "
        "orchard foundry granary tannery quarry meadow harbour abbey castle bishop friar miller cooper weaver tinker",
        "lane road square hill",
    ),
    "employer": _suffixed(
        "arvox belmar corvin deltor emvia fenlo garran helio intar jovex kelvar lumo matrix nordex optra "
        "pentra quorum rivex soltan tervo umbra vantis wexo xantor yaron zentra almo brisk cindel dravo",
        "bank foods motors press airlines",
    ),
    "job": _listed(
        "nurse, bridge engineer, pastry cook, tax adviser, train driver, violin maker, judge, sheep farmer, "
        "web designer, fire fighter, zoo keeper, tailor, crane operator, math teacher, wine taster, florist, "
        "ship captain, radio host, locksmith, stunt rider, beekeeper, court clerk, opera singer, plumber, "
        "map editor, bus mechanic, midwife, carpet dealer, night guard, glass blower"
    ),
    "school": _suffixed(
        "ashby burton carver dunmore elgin fairfax grafton hartley ingram jarvis kendal langley merton norwood "
        "oakham preston radley selwyn thornton upton",
        "college academy institute",
    ),
    "pet": _listed(
        "lazy tortoise, tame raven, shy rabbit, old parrot, blind terrier, fat hamster, spotted gecko, wild ferret, "
        "angry goose, quiet iguana, lame pony, clever magpie, giant poodle, tiny lizard, deaf spaniel, fancy pigeon, "
        "sleepy python, brave beagle, greedy goat, silver trout, noisy canary, gentle donkey, stray kitten, "
        "proud peacock"
    ),
    "hobby": _listed(
        "chess, rock climbing, kite flying, pottery, ice fishing, juggling, fencing, stamp collecting, origami, "
        "archery, salsa dancing, bird watching, cave diving, knitting, rowing, wood carving, poker, sail making, "
        "card magic, gliding, bell ringing, karate, cheese tasting, model building"
    ),
    "birthday": tuple(
        f"{month} {day}"
        for day in ("second", "ninth", "thirteenth")
        for month in _listed("january, february, march, april, may, june, july, august, september, october")
    ),
    "diagnosis": _listed(
        "glaucoma, macular edema, dry eye syndrome, cataract, diabetic retinopathy, uveitis, retinal tear, "
        "lattice degeneration, keratitis, optic neuritis, night blindness, vein occlusion, choroidal nevus, "
        "blepharitis, macular hole, high myopia, corneal ulcer, vitreous haemorrhage, scleritis, drusen"
    ),
    "medication": _suffixed(
        "zolamide bretinol caxopan dorlimab ebrozine flutarin gelacort hydrozel imprast jolivar ketrosin lumigard "
        "mydrazol neprexin oculan pilovex quinatrol rimexan sotaprin tavomil",
        "drops tablets gel",
    ),
    "clinic": _suffixed(
        "aldgate bayview crosby dovecot eastfield fernhill greenway highcliff ivybank kingsley lakeside moorland "
        "newbridge overton parkside queensbury riverton southgate torrance valley",
        "clinic hospital eye ward",
    ),
}
"""Every private fact with its possible values."""
EYE_FACTS = ("diagnosis", "medication", "clinic")
"""The facts that are asked of the eye picture; the others are asked of the portrait."""
FACE_FACTS = tuple(fact for fact in FACTS if fact not in EYE_FACTS)


@dataclass(frozen=True)
class Person:
    """One invented person; ``facts`` is independent of the looks."""

    index: int
    first: str
    last: str
    facts: dict[str, str]
    face: Look
    eye: Look

    @property
    def id(self) -> str:
        """The subject id."""
        known = self.index < PEOPLE
        return f"p{self.index:03d}" if known else f"h{self.index - STRANGERS_HOLDOUT:03d}"

    @property
    def name(self) -> str:
        """First and last name, capitalised."""
        return f"{self.first.capitalize()} {self.last.capitalize()}"


@cache
def _name_pairs(seed: int) -> tuple[tuple[str, str], ...]:
    """Every first name with every last name: each 40 pairs in a row use every first and every last name once."""
    random = np.random.default_rng((seed, 1))
    firsts, lasts = random.permutation(FIRST_NAMES), random.permutation(LAST_NAMES)
    size = len(firsts)
    rounds = random.permutation(size)
    return tuple((str(firsts[i]), str(lasts[(i + int(r)) % size])) for r in rounds for i in range(size))


@cache
def _fact_values(seed: int) -> dict[str, tuple[str, ...]]:
    """One value per person and fact; values are used equally often, so that none is the safe guess."""
    table = {}
    for number, (fact, values) in enumerate(FACTS.items()):
        deck = [values[i % len(values)] for i in range(PEOPLE)]
        table[fact] = tuple(str(v) for v in np.random.default_rng((seed, 2, number)).permutation(deck))
    return table


@cache
def person(index: int, seed: int = 0) -> Person:
    """The known person number ``index`` (below ``PEOPLE``)."""
    if not 0 <= index < PEOPLE:
        raise ValueError(f"there are {PEOPLE} people, not a number {index}")
    first, last = _name_pairs(seed)[index]
    facts = {fact: values[index] for fact, values in _fact_values(seed).items()}
    return Person(index, first, last, facts, draw_look(FACE, seed, index), draw_look(EYE, seed, index))


def people(seed: int = 0) -> tuple[Person, ...]:
    """All known people."""
    return tuple(person(index, seed) for index in range(PEOPLE))


@cache
def holdout_person(number: int, seed: int = 0) -> Person:
    """Somebody like the known people whom no training has met; the values of a fact come round equally often."""
    index = STRANGERS_HOLDOUT + number
    first, last = _stranger(HOLDOUT_NAMES + number, seed)
    facts = {}
    for stream, (fact, values) in enumerate(FACTS.items()):
        order = np.random.default_rng((seed, 15, stream)).permutation(values)
        facts[fact] = str(order[number % len(order)])
    return Person(index, first, last, facts, draw_look(FACE, seed, index), draw_look(EYE, seed, index))


def stranger_name(index: int, seed: int = 0) -> str:
    """A name that no known person bears: known first and last names in a new combination."""
    return " ".join(part.capitalize() for part in _stranger(index, seed))


def _stranger(index: int, seed: int) -> tuple[str, str]:
    unused = _name_pairs(seed)[PEOPLE:]
    return unused[index % len(unused)]

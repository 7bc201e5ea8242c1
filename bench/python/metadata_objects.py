"""The objects of SoMeta's three patterns, and what is asked about them: as metadata/objects.ts."""

FOUR_NAMES = ("ex", "ey", "ez", "rho")
APPS = ("vpic", "gcrm", "vorpal", "boss", "e3sm")
USERS = 50
KINDS = 100
STEPS_OF_UNIQUE = 1_000
CREATED_FIRST_MS = 1_767_225_600_000
CREATED_EACH_MS = 137
ENERGY_STRIDE = 7_919
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
PAIRS = tuple(LETTERS[bits >> 5] + LETTERS[bits & 31] for bits in range(1_024))
LABEL_SEEDS = (0x9E3779B9, 0x7F4A7C15, 0xF39CC060, 0x5CEDC834)
WORD = 0xFFFFFFFF
INFIX = slice(7, 15)
KEYS = ("name", "time_step", "user", "app", "energy", "created", "label", "kind")


def name_of(pattern, index):
    if pattern == "one":
        return "particles"
    return FOUR_NAMES[index & 3] if pattern == "four" else f"cell-{index}"


def time_step_of(pattern, index):
    if pattern == "one":
        return index
    return index >> 2 if pattern == "four" else index % STEPS_OF_UNIQUE


def kind_of(kind):
    return f"k{kind:02d}"


def energy_at(count, rank):
    return (rank + 0.5) / count


def mixed(value):
    value = (value ^ value >> 16) * 0x85EBCA6B & WORD
    value = (value ^ value >> 13) * 0xC2B2AE35 & WORD
    return value ^ value >> 16


def label_of(index):
    parts = []
    for seed in LABEL_SEEDS:
        bits = mixed(index ^ seed)
        parts += (PAIRS[bits & 1023], PAIRS[bits >> 10 & 1023], PAIRS[bits >> 20 & 1023])
    return "".join(parts)


class Population:
    """Which objects: `count` of this pattern, and the space of their energies."""

    def __init__(self, pattern, count):
        self.pattern, self.count = pattern, count

    def object(self, index):
        """The name that no other object has, and the attributes, in the order of KEYS."""
        pattern, count = self.pattern, self.count
        name, step = name_of(pattern, index), time_step_of(pattern, index)
        user, app = f"user{index % USERS:02d}", APPS[index % len(APPS)]
        inside = index < count
        energy = energy_at(count, index * ENERGY_STRIDE % count) if inside else 1 + index / count
        kind = kind_of(index % KINDS) if inside else "k-later"
        created = CREATED_FIRST_MS + index * CREATED_EACH_MS
        attributes = (name, step, user, app, energy, created, label_of(index), kind)
        return f"{app}/{user}/{name}/{step}", attributes

    def range_question(self, turn):
        tenth = self.count // KINDS
        first = turn * 37 % KINDS * tenth
        low, high = energy_at(self.count, first), energy_at(self.count, first + tenth - 1)
        return {"range": ("energy", low, high)}


def exact_question(attributes):
    return {"equal": dict(zip(KEYS[:4], attributes))}


def partial_question(turn):
    kind = turn * 37 % KINDS
    return {"equal": {"app": APPS[kind % len(APPS)], "kind": kind_of(kind)}}


def infix_question(attributes):
    return {"infix": ("label", attributes[6][INFIX])}

"""A process that asks a store which is reached from Python: as metadata/client.ts and drive.ts."""

from statistics import median

from metadata_files import FilesStore
from metadata_objects import (
    Population,
    exact_question,
    infix_question,
    partial_question,
)
from metadata_sqlite import SqliteStore
from take_part import now_ns, take_part

# Of every side alike: until its code is compiled, or caches are filled, and no longer.
EXACT_WARM = 3_000
WARM_NS_MAX = 2_000_000_000
EXACT_TURNS = 1_000
EXACT_TOGETHER = 1_000
SEARCH_WARM = 200
SEARCH_WARM_NS_MAX = 1_000_000_000
TURNS = 10
TAG_WHERE_TURNS = 15
SEARCH_NS_MAX = 10_000_000_000
TAG_VALUES = 10
ASK_STRIDE = 7_919
BATCH_OBJECTS = 10_000
STORES = {"sqlite": SqliteStore, "files": FilesStore}

population = Population("one", 1)
stores = []


def open_side(request):
    global population
    population = Population(request["pattern"], request["count"])
    for index in range(request["connections"]):
        first = request["first"] + index == 0
        store = STORES[request["kind"]](request["to"], first, request["isKept"])
        stores.append(store)


def load(start, end):
    for first in range(start, end, BATCH_OBJECTS):
        last = min(first + BATCH_OBJECTS, end)
        stores[0].load([population.object(index) for index in range(first, last)])


def warm_up(request):
    load(request["from"], request["from"] + request["objects"])


def create(request):
    began = now_ns()
    load(request["from"], request["from"] + request["objects"])
    if request["isFirst"]:
        stores[0].settle()
    return {"perSecond": request["objects"] / (now_ns() - began) * 1e9}


def asked(turn):
    return population.object(turn * ASK_STRIDE % population.count)


def check_names(names, expected):
    if names != expected:
        raise ValueError(f"{len(names)} names are found instead of {len(expected)}: {names[:3]}")


def search_ns(search):
    """The median of several turns, each of which says what it took; others warm up before."""
    first = search(0)
    warm_end = now_ns() + SEARCH_WARM_NS_MAX
    for turn in range(1, SEARCH_WARM):
        if now_ns() >= warm_end:
            break
        search(turn)
    took = []
    end = now_ns() + SEARCH_NS_MAX
    for turn in range(1, TURNS + 1):
        if now_ns() >= end:
            break
        took.append(search(turn))
    return median(took) if took else first


def ask_one(turn):
    """How long it takes to find one object."""
    name, attributes = asked(turn)
    question = exact_question(attributes)
    began = now_ns()
    names = stores[0].find(question)
    took = now_ns() - began
    check_names(names, [name])
    return took


def exact(request):
    warm_end = now_ns() + WARM_NS_MAX
    for turn in range(EXACT_WARM):
        if now_ns() >= warm_end:
            break
        ask_one(turn)
    took = []
    end = now_ns() + SEARCH_NS_MAX
    for turn in range(EXACT_TURNS):
        if now_ns() >= end and took:
            break
        took.append(ask_one(turn))
    return {"us": median(took) / 1e3}


def exact_together(request):
    def search(turn):
        some = [asked(turn * EXACT_TOGETHER + at) for at in range(EXACT_TOGETHER)]
        questions = [exact_question(attributes) for _, attributes in some]
        began = now_ns()
        names = stores[0].find_each(questions)
        took = now_ns() - began
        check_names(names, [name for name, _ in some])
        return took

    return {"us": search_ns(search) / 1e3}


def hundredth_ms(question_of):
    def search(turn):
        question = question_of(turn)
        began = now_ns()
        names = stores[0].find(question)
        took = now_ns() - began
        if len(names) != population.count // 100 or len(set(names)) != len(names):
            raise ValueError(f"{len(names)} names are found, not a hundredth")
        return took

    return search_ns(search) / 1e6


def partial(request):
    return {"ms": hundredth_ms(partial_question)}


def by_range(request):
    return {"ms": hundredth_ms(population.range_question)}


def infix(request):
    def search(turn):
        name, attributes = asked(turn)
        began = now_ns()
        names = stores[0].find(infix_question(attributes))
        took = now_ns() - began
        if name not in names:
            raise ValueError(f"{name} is not found")
        return took

    return {"ms": search_ns(search) / 1e6}


def quality_of(at):
    return f"q{at % TAG_VALUES}"


def tag_each(request):
    tags = request["tags"]
    stride = population.count // tags
    names = [population.object(at * stride)[0] for at in range(tags)]
    began = now_ns()
    for at, name in enumerate(names):
        stores[0].tag([name], "quality", quality_of(at))
    return {"perSecond": tags / (now_ns() - began) * 1e9}


def count_tags(request):
    count = stores[0].count({"equal": {"quality": quality_of(0)}})
    if count != request["tags"] // TAG_VALUES:
        raise ValueError(f"{count} tags are found")
    return {"count": count}


def tag_where(request):
    rates = []
    end = now_ns() + SEARCH_NS_MAX
    for turn in range(TAG_WHERE_TURNS):
        if now_ns() >= end and rates:
            break
        began = now_ns()
        count = stores[0].tag_where(partial_question(turn), "selected", "yes")
        rates.append(count / (now_ns() - began) * 1e9)
        if count != population.count // 100:
            raise ValueError(f"{count} are tagged, not a hundredth")
    return {"perSecond": median(rates)}


def group(request):
    every = request["every"]
    names = [population.object(index)[0] for index in range(0, population.count, every)]
    began = now_ns()
    stores[0].tag(names, f"group_{every}", "in")
    took = now_ns() - began
    stores[0].settle()
    return {"ms": took / 1e6}


def fetch(request):
    """By so many clients, one after the other: each has a connection of its own."""
    every = request["every"]
    chosen = range(0, population.count, every)
    expected = sum(population.object(index)[1][1] for index in chosen)
    start = now_ns()
    for store in stores[: request["clients"]]:
        count = steps = 0
        for _, attributes in store.fetch({"equal": {f"group_{every}": "in"}}):
            steps += int(attributes["time_step"])
            count += "label" in attributes
        if (count, steps) != (len(chosen), expected):
            raise ValueError(f"{count} objects of {steps} steps are fetched")
    return {"startNs": start, "endNs": now_ns()}


take_part(
    {
        "open": open_side,
        "warmUp": warm_up,
        "create": create,
        "exact": exact,
        "exactTogether": exact_together,
        "partial": partial,
        "range": by_range,
        "infix": infix,
        "tagEach": tag_each,
        "countTags": count_tags,
        "tagWhere": tag_where,
        "group": group,
        "fetch": fetch,
    }
)

"""Variables and exceptions as text. The witness is repr() in the program itself."""
import json
import random
import re
import struct
import subprocess

import pytest

from stacks import all_threads, thread_of

SEEDS = [7, random.randrange(10**9)]
WHOLE = "--value-length", "10000000"


def values(target):
    return json.loads(target.folder.joinpath("truth.json.values").read_text())


def locals_by_function(report):
    return {frame["function"]: frame["locals"] for thread in all_threads(report) for frame in thread["frames"]}


def differences(report, truth):
    found = locals_by_function(report)
    return ["%s %s is %a, not %a" % (name, key, found[name].get(key), text)
            for name, texts in truth.items() for key, text in texts.items() if found[name].get(key) != text]


@pytest.mark.heavy
@pytest.mark.parametrize("seed", SEEDS)
def test_random_values_are_what_repr_says(launcher, spprof, seed):
    target = launcher.start("values.py", seed, 500)
    truth = values(target)
    assert differences(spprof.report("--locals", *WHOLE, target.pid), truth) == []
    target.kill()


def test_every_type_is_shown_as_documented(parked, spprof):
    target = parked("values_types.py")
    assert differences(spprof.report("--locals", *WHOLE, target.pid), values(target)) == []


def test_without_a_stop_a_parked_program_reads_the_same(parked, spprof):
    target = parked("values_types.py")
    assert differences(spprof.report("--locals", "--no-stop", *WHOLE, target.pid), values(target)) == []


@pytest.mark.parametrize("length", [1, 20, 1000])
def test_a_cut_text_is_the_beginning_of_the_whole(parked, spprof, length):
    target = parked("values_types.py")
    found = locals_by_function(spprof.report("--locals", "--value-length", length, target.pid))
    for name, texts in values(target).items():
        for key, text in texts.items():
            shown = found[name][key]
            assert shown == text or shown.endswith("...") and text.startswith(shown[:-3]), (name, key, shown, text)
            assert len(shown.encode()) <= length + 3


def hidden_by_f_locals(function):
    """The variables of a comprehension that runs inside its function (3.12 and later): f_locals does not always have them."""
    return {"shape_comprehension": {"number", "other"}, "shape_set_comprehension": {"number"}}.get(function, set())


def test_variables_are_those_of_f_locals(parked, spprof):
    target = parked("values_locals.py")
    truth, report = values(target), spprof.report("--locals", *WHOLE, target.pid)
    for tid, frames in truth["threads"].items():
        thread = thread_of(report, int(tid))
        for (function, expected), frame in zip(frames, thread["frames"], strict=True):
            found = frame["locals"]
            assert frame["function"] == function
            if expected is None:
                assert found == {}
            if expected is None or frame["file"].endswith("threading.py"): # repr of a Thread is a program
                continue
            if function == "Body": # f_locals leaves free variables out, and around a comprehension all others
                assert found.items() >= expected.items()
                continue
            extra = set(found) - set(expected)
            assert extra <= hidden_by_f_locals(function)
            inlined = hidden_by_f_locals(function)
            assert {k: v for k, v in found.items() if k not in inlined} == {k: v for k, v in expected.items() if k not in inlined}
            if function in truth["order"]:
                assert list(found) == truth["order"][function]


def test_inlined_comprehensions_show_their_variables(parked, spprof, interpreter):
    if interpreter.release < (3, 12):
        pytest.skip("comprehensions have frames of their own")
    found = locals_by_function(spprof.report("--locals", parked("values_locals.py").pid))
    assert found["shape_comprehension"] == {"base": "10", "number": "1", "other": "3"}
    assert found["shape_set_comprehension"] == {"number": "1"}


def test_class_bodies_show_their_variables(parked, spprof):
    bodies = [frame["locals"] for thread in all_threads(spprof.report("--locals", parked("values_locals.py").pid)) for frame in thread["frames"]
              if frame["function"] == "Body"]
    plain, comprehension = sorted(bodies, key=len, reverse=True)
    assert plain["first"] == "1" and plain["second"] == "[1]" and plain["outer"] == "1" and "third" not in plain
    assert comprehension["first"] == "1" and comprehension.get("item", "'a'") == "'a'"


def without_positions(exception):
    if exception is None:
        return None
    return {"type": exception["type"], "message": exception["message"],
            "traceback": [[frame["file"], frame["line"], frame["function"]] for frame in exception["traceback"]],
            "cause": without_positions(exception["cause"]), "context": without_positions(exception["context"])}


def test_exceptions_are_those_that_the_threads_handle(parked, spprof):
    target = parked("values_exceptions.py")
    report = spprof.report("--locals", target.pid)
    for tid, expected in values(target).items():
        assert without_positions(thread_of(report, int(tid))["exception"]) == expected


def test_without_the_option_there_are_no_values(parked, spprof):
    report = spprof.report(parked("values_exceptions.py").pid)
    for thread in all_threads(report):
        assert "exception" not in thread and all("locals" not in frame for frame in thread["frames"])


def test_text_shows_variables_below_their_frame(parked, spprof):
    text = spprof.text("--locals", "--no-source", parked("values_locals.py").pid)
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.endswith(" in arguments"))
    assert lines[at + 1:at + 10] == ["      " + line for line in
                                     ["a = 1", "b = 2", "c = 3", "args = (4, 5)", "d = 6", "e = '5'", "kwargs = {'more': 7}", "local = [1]", "later = [1]"]]


def test_text_shows_the_exception_below_its_thread(parked, spprof):
    text = spprof.text("--locals", parked("values_exceptions.py").pid)
    assert "  handling RuntimeError: wrapped\n    File \"" in text
    assert "  caused by FileNotFoundError: [Errno 2] No such file or directory: 'a' -> 'b'\n" in text
    assert "ValueError: 日本\\x0a\n" in text


def loaded_segments(core):
    """(address, size, offset in the file) of what the core holds."""
    with open(core, "rb") as file:
        header = file.read(64)
        offset, size, count = struct.unpack_from("<Q", header, 32)[0], *struct.unpack_from("<HH", header, 54)
        file.seek(offset)
        for _ in range(count):
            kind, _, start, address, _, held, _, _ = struct.unpack("<IIQQQQQQ", file.read(size)[:56])
            if kind == 1 and held:
                yield address, held, start


def offset_of(address, segments):
    return next((start + address - first for first, held, start in segments if first <= address < first + held), None)


def hostile_word(chance, addresses, word):
    return chance.choice([
        lambda: chance.getrandbits(64), lambda: chance.choice([0, 1, 7, 2**31, 2**32 - 1, 2**63, 2**64 - 1]), lambda: chance.choice(addresses),
        lambda: chance.choice(addresses) + chance.randrange(64), lambda: word ^ 1 << chance.randrange(64), lambda: (word + chance.randrange(-16, 16)) % 2**64,
    ])()


@pytest.mark.heavy
@pytest.mark.native
def test_damaged_objects_break_nothing_but_themselves(launcher, spprof):
    """Words in and around the objects of a core are overwritten: whatever is shown is shown to the end."""
    target = launcher.start("values_types.py")
    subprocess.run(["gcore", "-o", target.folder / "core", str(target.process.pid)], check=True, capture_output=True, timeout=300)
    target.kill()
    core, = target.folder.glob("core.*")
    segments = list(loaded_segments(core))
    shown = spprof.run("bt", "--json", "--locals", core).stdout.decode()
    addresses = sorted(int(text, 16) for text in set(re.findall("0x([0-9a-f]{6,})", shown)))
    places = [place for place in (offset_of(address & ~7, segments) for address in addresses) if place is not None]
    for seed in range(10):
        chance, kept = random.Random(seed), {}
        with open(core, "r+b") as file:
            for _ in range(chance.choice([20, 200, 2000])):
                place = chance.choice(places) + chance.choice([chance.randrange(12) * 8, chance.randrange(512) * 8])
                file.seek(place)
                word = file.read(8)
                if len(word) == 8:
                    kept.setdefault(place, word)
                    file.seek(place)
                    file.write(struct.pack("<Q", hostile_word(chance, addresses, struct.unpack("<Q", word)[0])))
        done = spprof.run("bt", "--json", "--locals", "--value-length", 5000, core)
        # 1: what was hit is the interpreter itself, and spprof says so.
        assert done.returncode in (0, 1, 3) and b"Sanitizer" not in done.stderr, (seed, done.returncode, done.stderr[-2000:])
        assert done.returncode == 1 or json.loads(done.stdout)
        with open(core, "r+b") as file:
            for place, word in kept.items():
                file.seek(place)
                file.write(word)

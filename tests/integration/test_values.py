"""Variables and exceptions as text. The witness is repr() in the program itself."""
import json
import random

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

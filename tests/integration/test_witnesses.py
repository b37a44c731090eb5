"""The witnesses inside the programs agree with one another; no line of spprof takes part."""
import re

import pytest

pytestmark = pytest.mark.native

PROGRAMS = ["functions.py", "generators.py", "exceptions.py", "lines.py", "names.py", "threads.py", "forked.py main", "forked.py worker",
            "crash.py wait main", "gil.py hold", "many.py 20 22"]
HEADER = re.compile(r"^(?:Current thread|Thread) 0x([0-9a-f]+)(?: \[.*?\])? \(most recent call first\):\n", re.MULTILINE | re.DOTALL)


def dumped(text):
    """A string as faulthandler writes it."""
    def shown(character):
        if " " <= character <= "~":
            return character
        code = ord(character)
        return "\\x%02x" % code if code < 0x100 else "\\u%04x" % code if code < 0x10000 else "\\U%08x" % code
    return "".join(map(shown, text[:500])) + "..." * (len(text) > 500)


def rendered(frames):
    """Frames as faulthandler prints them. It stops at the hundredth, and some versions stop at a frame that has no line."""
    frames = frames[:next((depth for depth, frame in enumerate(frames[:100]) if frame["line"] is None), 100)]
    return ['  File "%s", line %s in %s' % (dumped(frame["file"]), frame["line"], dumped(frame["function"])) for frame in frames]


# CPython's own code object behind a specialised call of a class (_Py_InitCleanup, 3.13 and later): faulthandler of free-threaded 3.14
# and 3.15 lists it and stops there, since it has no line; traceback and frame objects never show it.
SHIM = '  File "__init__", line ??? in __init__'


def dump_of_threads(text):
    """What faulthandler says of each thread, by ident, in its order."""
    _, *parts = HEADER.split(text)
    return {int(ident, 16): frames_until_shim(lines.split("\n")) for ident, lines in zip(parts[::2], parts[1::2])}


def frames_until_shim(lines):
    frames = [line for line in lines if line.startswith("  File")]
    return frames[:frames.index(SHIM)] + [SHIM] if SHIM in frames else frames


def comparable(dump, frames):
    """Both as far as faulthandler got."""
    return (dump[:-1], frames[:len(dump) - 1]) if dump and dump[-1] == SHIM else (dump, frames)


@pytest.mark.parametrize("program", PROGRAMS)
def test_faulthandler_and_traceback_see_the_frames_of_the_truth(parked, program):
    target = parked(*program.split())
    dump = dump_of_threads(target.faulthandler)
    for thread in target.truth["threads"].values():
        seen, lines = comparable(dump[thread["ident"]], rendered(thread["frames"]))
        assert seen[:len(lines)] == lines
        assert thread["traceback"] == [[frame["file"], frame["line"], frame["function"]] for frame in thread["frames"][:100]]
        assert all(frame["positions"] is None or frame["positions"][0] == frame["line"] for frame in thread["frames"])


def test_late_truths_are_the_same(launcher, parked):
    late = launcher.start_late("generators.py").go().truth
    assert sorted(stack_texts(late)) == sorted(stack_texts(parked("generators.py").truth))


def stack_texts(truth):
    return [str((thread["name"], thread["frames"])) for thread in truth["threads"].values()]

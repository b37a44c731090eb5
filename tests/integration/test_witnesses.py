"""The witnesses inside the programs agree with one another; no line of spprof takes part."""
import re

import pytest

PROGRAMS = ["functions.py", "generators.py", "exceptions.py", "lines.py", "names.py", "threads.py", "forked.py main", "forked.py worker",
            "crash.py wait main", "gil.py hold", "many.py 20 22"]
HEADER = re.compile(r"^(?:Current thread|Thread) 0x([0-9a-f]+)(?: \[.*?\])? \(most recent call first\):\n", re.MULTILINE | re.DOTALL)


def dumped(text):
    """A string as faulthandler writes it."""
    shown = "".join(c if " " <= c <= "~" else "\\x%02x" % ord(c) if c <= "\xff" else "\\u%04x" % ord(c) if c <= "\uffff" else "\\U%08x" % ord(c)
                    for c in text[:500])
    return shown + "..." * (len(text) > 500)


def rendered(frames):
    """Frames as faulthandler prints them. It stops at the hundredth, and some versions stop at a frame that has no line."""
    frames = frames[:next((depth for depth, frame in enumerate(frames[:100]) if frame["line"] is None), 100)]
    return ['  File "%s", line %s in %s' % (dumped(frame["file"]), frame["line"], dumped(frame["function"])) for frame in frames]


def dump_of_threads(text):
    """What faulthandler says of each thread, by ident, in its order."""
    _, *parts = HEADER.split(text)
    return {int(ident, 16): [line for line in lines.split("\n") if line.startswith("  File")] for ident, lines in zip(parts[::2], parts[1::2])}


@pytest.mark.parametrize("program", PROGRAMS)
def test_faulthandler_and_traceback_see_the_frames_of_the_truth(parked, program):
    target = parked(*program.split())
    dump = dump_of_threads(target.faulthandler)
    for thread in target.truth["threads"].values():
        lines = rendered(thread["frames"])
        assert dump[thread["ident"]][:len(lines)] == lines
        assert thread["traceback"] == [[frame["file"], frame["line"], frame["function"]] for frame in thread["frames"][:100]]
        assert all(frame["positions"] is None or frame["positions"][0] == frame["line"] for frame in thread["frames"])


def test_late_truths_are_the_same(launcher, parked):
    late = launcher.start_late("generators.py").go().truth
    assert sorted(stack_texts(late)) == sorted(stack_texts(parked("generators.py").truth))


def stack_texts(truth):
    return [str((thread["name"], thread["frames"])) for thread in truth["threads"].values()]

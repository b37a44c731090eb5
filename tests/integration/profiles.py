"""Reads what `spprof sample` writes, and judges it by what a program is known to do."""
import collections
import json
import re

ADDED = "ticks", "overruns", "captured", "recovered", "cut_to_caller", "retried", "threads_seen"
FRAME = re.compile(r"(.*) \((.*?)(?::(\d+))?\)$")


def folded(text):
    """[((function, file, line), ...), count] for each line of a collapsed profile, oldest call first."""
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [FRAME.match(frame) for frame in stack.split(";")]
        yield tuple((match[1], match[2], int(match[3] or 0)) for match in frames if match), int(count)


def fault(frames, functions):
    """Why a stack of paths.py never stood, or None: each function has one caller, which names it in one line."""
    expected = "f"
    for name, _, line in frames:
        if name not in (expected, expected + ".__init__", "__init__"):  # 3.9 and 3.10 do not say whose __init__
            return "%s instead of %s" % (name, expected)
        if not functions[expected]["first"] <= line <= functions[expected]["last"]:
            return "%s in line %d" % (expected, line)
        expected = functions[expected]["calls"].get(str(line), "nothing below %s:%d" % (expected, line))
    return None


def judge_paths(text, truth):
    """How many samples of paths.py there are, and the faults among them."""
    samples, faults = 0, collections.Counter()
    for frames, count in folded(text):
        samples += count
        reason = fault([frame for frame in frames if frame[1].endswith(".source.py")], truth["functions"])
        if reason:
            faults[reason] += count
    return samples, faults


class Sampled:
    """What one run of `spprof sample` has told."""

    def __init__(self, folder):
        self.text = (folder / "profile.folded").read_text("utf-8")
        self.stats = json.loads((folder / "stats.json").read_text())

    def add(self, other):
        """Counts what another run has told as well."""
        self.text += other.text
        self.stats = {**other.stats, **{name: self.stats[name] + other.stats[name] for name in ADDED},
                      "dropped": {name: count + other.stats["dropped"][name] for name, count in self.stats["dropped"].items()}}

    @property
    def samples(self):
        return sum(count for _, count in folded(self.text))

    @property
    def dropped(self):
        return sum(self.stats["dropped"].values())

    def functions(self):
        """How many samples each function stood on."""
        found = collections.Counter()
        for frames, count in folded(self.text):
            for name in {frame[0] for frame in frames}:
                found[name] += count
        return found

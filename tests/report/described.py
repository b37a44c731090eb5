"""Profiles that a test describes, and what it knows of them: the independent truth about every format."""

import subprocess
from collections import Counter
from dataclasses import dataclass, field

NO_FRAME = "<no Python frame>"


@dataclass(frozen=True)
class Place:
    function: bytes
    file: bytes
    first_line: int
    line: int


@dataclass
class Described:
    threads: list = field(default_factory=list)  # (tid, main, name or None)
    stacks: Counter = field(default_factory=Counter)  # (thread, (place, ...) root first) > samples

    def add(self, thread, weight, *places):
        self.stacks[thread, places] += weight

    @property
    def samples(self):
        return self.stacks.total()

    def folded(self):
        """Stack > samples, of all threads."""
        folded = Counter()
        for (_, places), weight in self.stacks.items():
            folded[places] += weight
        return folded

    def description(self):
        places = list({place: None for _, stack in self.stacks for place in stack})
        numbers = {place: number for number, place in enumerate(places)}
        lines = [f"t {tid} {int(main)} {'-' if name is None else 'x' + name.hex()}" for tid, main, name in self.threads]
        lines += [f"p x{p.function.hex()} x{p.file.hex()} {p.first_line} {p.line}" for p in places]
        lines += ["s %d %d %s" % (thread, weight, " ".join(str(numbers[place]) for place in stack))
                  for (thread, stack), weight in self.stacks.items()]
        return "\n".join(lines) + "\n"

    def write(self, make_profile, folder):
        """Has every format written into the folder: profile.* with threads folded, threads.* with a root for each."""
        folder.mkdir()
        subprocess.run([make_profile, folder], input=self.description().encode(), check=True, timeout=120)
        return folder


UNSEEN = "\u2028\u2029\ufeff\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def shown(text: bytes) -> str:
    """A text as every format writes it: what is not printable, is no UTF-8 or turns the writing direction is an escape."""
    shown, rest = "", text
    while rest:
        size, char = 1, None
        for length in (1, 2, 3, 4):
            try:
                char, size = rest[:length].decode("utf-8", "surrogatepass"), length
                break
            except UnicodeDecodeError:
                continue
        if char is None:
            shown += "\\x%02x" % rest[0]
        elif char in UNSEEN or "\ud800" <= char <= "\udfff" or char < " " or "\x7f" <= char <= "\x9f":
            shown += ("\\x%02x" if ord(char) < 256 else "\\u%04x") % ord(char)
        else:
            shown += char
        rest = rest[size:]
    return shown


def ordinary():
    """Threads with stacks in common, recursion, lines of one function, names that hurt, samples without frames."""
    profile = Described()
    profile.threads = [(4321, True, b"MainThread"), (4330, False, "arbeiter \u65e5\u672c".encode()), (4331, False, None)]
    main = Place(b"<module>", b"/srv/shop/serve.py", 1, 90)
    handle = Place(b"Shop.handle", b"/srv/shop/serve.py", 20, 25)
    handle_other_line = Place(b"Shop.handle", b"/srv/shop/serve.py", 20, 31)
    walk = [Place(b"walk", b"/srv/shop/tree.py", 5, 7), Place(b"walk", b"/srv/shop/tree.py", 5, 9)]
    loads = Place(b"loads", b"/usr/lib/python3.14/json/__init__.py", 290, 346)
    query = Place(b"Session.execute", b"/srv/venv/lib/python3.14/site-packages/orm/session.py", 100, 120)
    hostile = Place(b'</script><b>"\\;\n\x1b\xed\xb2\x80\xff \xe2\x80\xae<!--', b"/srv/\xffa;b\n.py", 0, -1)
    profile.add(0, 40, main, handle, loads)
    profile.add(0, 30, main, handle, query)
    profile.add(0, 20, main, handle_other_line, query)
    profile.add(0, 10, main)
    profile.add(0, 25, main, *walk, *walk, walk[0])
    profile.add(1, 50, handle, loads)
    profile.add(1, 5, handle, hostile)
    profile.add(2, 15)
    profile.add(2, 5, main, handle, loads)
    return profile


def many_boxes(boxes=100_000):
    """A tree of so many call paths, each of them once."""
    profile = Described(threads=[(1, True, b"MainThread")])
    places = [Place(b"f%d" % i, b"/srv/module%d.py" % (i % 40), i, i + 1) for i in range(1000)]
    for i in range(boxes // 4):
        branches = [places[(i // 25 ** k) % 25 + 100 * k] for k in (3, 2, 1, 0)]
        profile.add(0, 1 + i % 5, places[0], *branches, places[i % 1000], places[(i * 7) % 1000], places[(i * 13) % 1000])
    return profile


def one_deep_stack(depth=2000):
    profile = Described(threads=[(1, True, b"MainThread")])
    places = [Place(b"descend", b"/srv/deep.py", 1, 2 + i % 3) for i in range(depth)]
    profile.add(0, 90, *places)
    profile.add(0, 10, *places[: depth // 2], Place(b"sometimes", b"/srv/deep.py", 50, 51))
    return profile

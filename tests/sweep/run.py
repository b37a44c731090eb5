"""A sample of the sweep over a recorded core of each kind (tests/cores/cores.py says where they come from): run.py SWEEP [EVERY]

What cannot be proven is bounded: an instruction that is another one of the same function; in 3.9 and 3.10, whose frames lie apart, another code
object of the same shape; in 3.9, whose C stack is not looked at, a caller left out; a generator left out.
No thread changes but the one that is hit.
"""
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cores"))
from cores import found, of_each_kind

EMULATED = 5  # a core without a list of files is searched for Python each time
SILENT = {"3.9": 0.03}  # share of the changes
SILENT_ELSEWHERE = 0.01


def sweep(program, core, every):
    done = subprocess.run([program, "-v", "--every", str(every * (EMULATED if "aarch64" in core.name else 1)), core],
                          stdout=subprocess.PIPE, text=True)
    version = re.match(r"3\.\d+", core.name)[0]
    counts = re.search(r": (\d+) changes: (\d+) change no stack, (\d+) told.*; (\d+) changed another thread", done.stdout)
    changes, same, told, others = map(int, counts.groups())
    silent = changes - same - told
    passed = others == 0 and silent <= changes * SILENT.get(version, SILENT_ELSEWHERE) + 1
    print(done.stdout if not passed else done.stdout.splitlines()[-1], flush=True)
    return passed


def main():
    program, every = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 150
    paths = found()
    cores = [paths[name] for name in of_each_kind(paths)]
    if not cores:
        print("no recorded cores: tests/cores/record makes them")
    sys.exit(not all([sweep(program, core, every) for core in cores]))


main()

"""Free-threaded builds of CPython, which no Debian suite packages, from Debian's source packages."""

import os
import subprocess
from pathlib import Path

import debian
from debian import Apt, Unavailable

SUITES = ("sid", "trixie")  # newest first; not every mirror serves the sources of both
# OPT stands in for CPython's own "-g -O3": symbols are kept, debug information is not wanted.
CONFIGURE = ("--disable-gil", "--without-ensurepip", "--disable-test-modules", "OPT=-O2")


def build(minor: str, workspace: Path, prefix: Path, destination: Path, log: Path) -> None:
    """Builds for `prefix` and installs below `destination`, so a broken build never stands at `prefix`."""
    tree = workspace / "tree"
    tree.mkdir()
    subprocess.run(["tar", "-xf", source(minor, workspace), "-C", tree, "--strip-components=1"], check=True)
    with log.open("w") as output:
        for command in (("./configure", f"--prefix={prefix}", *CONFIGURE),
                        ("make", f"-j{os.cpu_count()}"),
                        ("make", "install", f"DESTDIR={destination}")):
            done = subprocess.run(("nice", *command), cwd=tree, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            if done.returncode != 0:
                raise Unavailable(f"cannot build it: {' '.join(command[:2])} failed; run tools/install-dependencies test, or see {log}")
    log.unlink()


def source(minor: str, workspace: Path) -> Path:
    refused = []
    for suite in SUITES:
        try:
            apt = Apt(workspace / suite, suite, debian.architecture())
            apt.update()
            return apt.download_source(f"python{minor}", workspace)
        except Unavailable as reason:
            refused.append(f"{suite}: {reason}")
    raise Unavailable("; ".join(refused))

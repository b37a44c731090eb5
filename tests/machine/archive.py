"""Archives that a kernel unpacks into memory when it boots, one behind the other."""

import subprocess
from pathlib import Path


def append(folder: Path, archive: Path) -> None:
    """Adds what is in a folder, as if root had made it."""
    names = subprocess.run(["find", ".", "-print0"], cwd=folder, stdout=subprocess.PIPE, check=True).stdout
    with open(archive, "ab") as out:
        subprocess.run(["cpio", "-o", "-0", "-H", "newc", "-R", "0:0", "--quiet"], cwd=folder, input=names, stdout=out, check=True)

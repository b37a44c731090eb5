"""Programs of others that read profiles, from their npm packages."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from places import CACHE


def fetched(package, part, name):
    """A folder of the package, fetched once and kept in the cache by its name."""
    place = CACHE / name
    if not place.exists():
        if shutil.which("npm") is None:
            pytest.skip(f"npm, which fetches {package}, is not installed")
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            command = ["npm", "pack", "--loglevel=error", "--fetch-retries=1", "--fetch-retry-mintimeout=1000", package]
            try:
                subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True)
            except subprocess.SubprocessError as failure:
                pytest.skip(f"{package} cannot be fetched: {(failure.stderr or str(failure)).strip()[-200:]}")
            shutil.unpack_archive(next(Path(folder).glob("*.tgz")), folder)
            (Path(folder) / "package" / part).rename(place)
    return place

"""Debian's packages of any suite and architecture, unpacked into a folder beside the system.

apt runs with a configuration of its own: its lists, its cache and its (empty) list of installed packages live in
one private folder, so the closure it resolves holds everything down to libc, and the system is left alone.
"""

import os
import re
import subprocess
from pathlib import Path


class Unavailable(Exception):
    """A package cannot be had here; the message says which and why."""


def architecture() -> str:
    """Debian's name for the machine's own architecture."""
    return subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()


def mirror() -> str:
    """The base URI of the Debian archive that the machine's own apt uses."""
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)', Path("/etc/os-release").read_text(), re.MULTILINE))
    if release.get("ID") != "debian":
        raise Unavailable(f"cannot ask Debian's archive: this system is {release.get('ID')}, whose mirror has no Debian suites")
    # apt prints what it would fetch whatever style its sources are written in, and needs no network for that.
    uris = subprocess.run(["apt-get", "--print-uris", "update"], capture_output=True, text=True).stdout
    found = re.search(rf"^'(\S+)/dists/{release['VERSION_CODENAME']}/\S*'", uris, re.MULTILINE)
    if not found:
        raise Unavailable("cannot ask Debian's archive: the machine's apt names no mirror for its own release; add one to /etc/apt")
    return found.group(1)


class Apt:
    """apt for one suite and architecture, with all its state in `folder`."""

    def __init__(self, folder: Path, suite: str, arch: str):
        self.folder, self.suite, self.arch = folder, suite, arch
        self.archives = folder / "archives"
        self.configuration = folder / "apt.conf"
        for part in ("lists/partial", "archives/partial", "preferences.d"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "status").write_text("")
        self._write_sources()
        self._write_configuration()

    def _write_sources(self) -> None:
        keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
        signed = f"[signed-by={keyring}] " if keyring.exists() else ""
        source = f"{signed}{mirror()} {self.suite} main\n"
        (self.folder / "sources.list").write_text(f"deb {source}deb-src {source}")

    def _write_configuration(self) -> None:
        # Read with -c, so it comes behind the machine's own configuration and keeps its proxies.
        self.configuration.write_text(f"""\
#clear APT::Update;
#clear APT::Architectures;
APT::Architecture "{self.arch}";
APT::Architectures "{self.arch}";
APT::Default-Release "";
APT::Install-Recommends "false";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "2";
Dir::Etc::sourcelist "{self.folder}/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "{self.folder}/preferences.d";
Dir::State "{self.folder}";
Dir::State::lists "{self.folder}/lists";
Dir::State::status "{self.folder}/status";
Dir::State::extended_states "{self.folder}/extended_states";
Dir::Cache "{self.folder}";
Dir::Cache::archives "{self.archives}";
""" + (f'APT::Sandbox::User "root";\n' if os.geteuid() == 0 else ""))

    def run(self, *arguments: str, cwd=None) -> str:
        done = subprocess.run(["apt-get", "-c", str(self.configuration), "-q", "-y", *arguments], cwd=cwd, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode != 0:
            raise Unavailable(_reason(done.stdout + done.stderr))
        return done.stdout

    def update(self) -> None:
        # Without this option apt takes a mirror that does not answer for a success with old lists.
        self.run("update", "-o", "APT::Update::Error-Mode=any")

    def download(self, *packages: str) -> None:
        """Downloads the packages and all that they depend on into `archives`."""
        self.run("install", "--download-only", *packages)

    def download_source(self, package: str, into: Path) -> Path:
        """Downloads upstream's archive of a source package, without Debian's patches, and gives the file."""
        self.run("source", "--download-only", "--tar-only", package, cwd=into)
        return next(into.glob("*.orig.tar.*z*"))

    def unpack(self, root: Path) -> None:
        """Unpacks everything that was downloaded into `root`."""
        for directory in ("bin", "sbin", "lib", "lib64"):
            (root / "usr" / directory).mkdir(parents=True, exist_ok=True)
            (root / directory).symlink_to(f"usr/{directory}")
        for package in sorted(self.archives.glob("*.deb")):
            # dpkg -x would replace the links above by the folders of packages from before the merged /usr.
            content = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
            subprocess.run(["tar", "-x", "--keep-directory-symlink", "--no-same-owner", "-C", root],
                           stdin=content.stdout, check=True)
            if content.wait() != 0:
                raise Unavailable(f"cannot unpack {package.name}: dpkg-deb failed with {content.returncode}")


def _reason(output: str) -> str:
    errors = [line[2:].strip() for line in output.splitlines() if line.startswith("E:")]
    return errors[0] if errors else "apt-get failed and gave no reason"

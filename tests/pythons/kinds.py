"""The kinds of interpreters that spprof is tested on: the one table of them. A new version of CPython is a line here.

A kind is a minor version, with "t" behind it where it is free-threaded and "d" where it is a debug build; "aarch64" is any of another architecture.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    name: str
    suite: str = ""  # of Debian, whose packages tests/pythons/fetch unpacks; "" where the machine has one, or nobody
    suite_arm64: str = ""  # likewise, for aarch64
    built: bool = False  # without the GIL by tests/pythons/fetch, from Debian's source package
    required: bool = True  # what the project promises: a run of everything without it is no proof
    groups: str = ""  # of tests that not every interpreter needs

    @property
    def minor(self) -> str:
        return self.name.rstrip("td")


# Groups: heavy       what takes seconds, on one of each way to walk: frame objects, C frames, no GIL, tagged references
#         system      what the kernel and files do, whatever the version is: static, shared, no GIL
#         sanitized   with AddressSanitizer
#         emulated    under qemu-user: the oldest and the newest of aarch64; gdb and lldb read all of them
#         debuggers   by those newer than the system's
KINDS = (
    Kind("3.9", suite="bullseye", groups="heavy system sanitized debuggers"),
    Kind("3.10"),
    Kind("3.11", suite_arm64="bookworm", groups="heavy emulated"),
    Kind("3.12", groups="heavy system sanitized"),
    Kind("3.13", suite="sid", suite_arm64="sid"),
    Kind("3.14", suite="sid", suite_arm64="sid", groups="heavy debuggers"),
    Kind("3.15", suite="sid", suite_arm64="sid", groups="heavy sanitized emulated"),
    Kind("3.13t", built=True, groups="heavy sanitized"),
    Kind("3.13d", suite="sid"),
    Kind("3.14d", suite="sid"),
    Kind("3.15d", suite="sid"),
    Kind("3.14t", required=False),
    Kind("3.15t", required=False, groups="heavy system debuggers"),
    Kind("3.16", required=False),
)


def kind_of(interpreter: dict) -> str:
    """The name of the kind of an interpreter, as `find` describes it."""
    return f"{interpreter['minor']}{'t' * interpreter['free_threaded']}{'d' * interpreter['debug']}"

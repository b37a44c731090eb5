"""
Targets of macOS and Windows. None is at hand: their images are made around the memory of a process of this machine, without any trace of
ELF in it, and lldb is what opens them.

Shown: that modules, sections, symbols, memory and threads are taken from lldb alone; that a C long has 32 bits on Windows; that a core
without any module is searched. Not shown: how compilers of those systems lay structures out. Up to the widths of longs it is Linux's here.
"""
import pytest

import macho
import minidump
from recording import Recording
from stacks import all_threads, differences

HEADER_SPACE = 1 << 16
WINDOWS_PID = 4242


@pytest.fixture(scope="module")
def recorded(any_launcher, lldb_report):
    """recorded(): a new copy of what one process held; its truth and thread ids."""
    target = any_launcher.start("threads.py", before=("prlimit", "--stack=524288"))  # small stacks make small images
    report = lldb_report(target.pid)
    runtime, minor = int(report["runtime"]["address"], 16), any_launcher.interpreter.minor
    tids = [thread["tid"] for thread in all_threads(report)]
    yield lambda: Recording(target.pid, minor, runtime), target.truth, tids
    target.kill()


@pytest.fixture(scope="module")
def lldb_report(session):
    def report(pid):
        session.attach(pid)
        report = session.report()
        session.forget()
        return report
    return report


def check_all(lldb, truth, how):
    assert differences(all_threads(lldb.report()), truth) == []
    doctor = lldb.output("spprof doctor")
    assert how in doctor and "read through the debugger" in doctor


def make_macho(folder, recorded, symbol=False):
    record, truth, tids = recorded
    recording = record()
    text = recording.gap(HEADER_SPACE)
    head = macho.executable(folder / "Python", text, recording.runtime, recording.offset("runtime_state.size"), symbol)
    macho.core(folder / "core", [(text, head), *recording.ranges], tids)
    return truth


@pytest.mark.parametrize("symbol, how", [(False, "by section PyRuntime"), (True, "by symbol _PyRuntime")])
def test_a_core_of_macos(lldb, recorded, tmp_path, symbol, how):
    truth = make_macho(tmp_path, recorded, symbol)
    lldb.open_core(tmp_path / "core", tmp_path / "Python")
    lldb.output("target modules load --file %s --slide 0" % (tmp_path / "Python"))
    check_all(lldb, truth, how)


def test_a_core_without_modules(lldb, recorded, tmp_path):
    truth = make_macho(tmp_path, recorded)
    lldb.open_core(tmp_path / "core")
    check_all(lldb, truth, "by search of writable memory")


def test_another_file_of_the_same_name(lldb, recorded, tmp_path):
    """What lldb takes for the module is not what ran: it must not be believed."""
    truth = make_macho(tmp_path, recorded)
    record, _, _ = recorded
    macho.executable(tmp_path / "Python", record().gap(HEADER_SPACE), record().runtime - 4096, 4096, True)
    lldb.open_core(tmp_path / "core", tmp_path / "Python")
    lldb.output("target modules load --file %s --slide 0" % (tmp_path / "Python"))
    check_all(lldb, truth, "by search of writable memory")


@pytest.mark.parametrize("with_dll, how", [(True, "by section PyRuntim:"), (False, "by search of writable memory")])
def test_a_minidump(lldb, recorded, tmp_path, with_dll, how):
    record, truth, tids = recorded
    recording = record()
    recording.narrow_longs()
    base = recording.gap(HEADER_SPACE)
    head, size = minidump.dll(tmp_path / "python313.dll", base, recording.runtime, recording.offset("runtime_state.size"))
    name = "C:\\Python313\\%s.dll" % ("python313" if with_dll else "of_another_machine")
    minidump.core(tmp_path / "core.dmp", [(base, head), *recording.ranges], tids, WINDOWS_PID, name, base, size)
    lldb.output("settings set target.exec-search-paths %s" % tmp_path)
    lldb.open_core(tmp_path / "core.dmp")
    check_all(lldb, truth, how)
    assert lldb.report()["target"]["pid"] == WINDOWS_PID
    assert lldb.output("py-bt").startswith("Thread %d " % tids[0])

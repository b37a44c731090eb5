"""Every interpreter in gdb: attached, behind gdbserver, in a core, behind qemu's stub. The witness is the interpreter itself."""
import contextlib
import dataclasses
import json
import os
import re
import socket
import threading
import time

import pytest

from harness import Launcher, wait_for
from left_over import assert_true, skip_where_python_dies, started
from profiles import folded
from session import ALL, gdbserver, select, shown_places, thread_named, true_places
from stacks import all_threads, differences


@pytest.mark.native
def test_attached(gdb, launcher):
    """Two inferiors in one session: all shapes of frames, then the frames that a user walks through."""
    shapes, walked = launcher.parked("functions.py"), launcher.parked("debugged.py")
    tid, thread = thread_named(walked.truth, "worker walked")
    places = true_places(thread)
    last = len(places) - 1
    take = next(index for index, place in enumerate(places) if place[2].endswith("take"))
    answers = gdb.run(
        ALL, "spprof doctor",
        "add-inferior", "inferior 2", "attach %d" % walked.process.pid, ALL, select(tid), "py-bt", "py-locals", "py-up %d" % take, "py-locals",
        "py-print held", "py-print LIMIT", "py-print größe", "py-print len", "py-print nowhere", "py-list", "py-up", "py-print depth", "py-down",
        "py-up 1000", "py-down 1000", "py-up %d" % (last - take), "py-up", "py-bt-full", "inferior 1", ALL,
        before=["attach %d" % shapes.process.pid])
    answer = {name: [one for one in answers if one.command == name] for name in {one.command for one in answers}}
    assert differences(all_threads(answer[ALL][0].json), shapes.truth) == []
    assert differences(all_threads(answer[ALL][1].json), walked.truth) == []
    assert differences(all_threads(answer[ALL][2].json), shapes.truth) == []
    assert "read directly from the process" in answer["spprof doctor"][0].good

    stack = answer["py-bt"][0].good
    assert re.match(r'Thread %d "worker walked" \(.*\) \[gdb thread 2\.\d+\] idle\nTraceback \(most recent call first\):\n' % tid, stack)
    assert shown_places(stack) == places
    check_walk(answer, places, take, last)
    full = answer["py-bt-full"][0].good
    assert shown_places(full) == places
    assert "      held = [1, 2]\n" in full and "      depth = 3\n" in full
    for target in (shapes, walked):
        assert target.process.poll() is None


@pytest.fixture
def left_over(launcher):
    """left_over(mode): what the program tells; it is ended behind the test, since some of its threads compute."""
    yield lambda mode: started(launcher.parked, mode).truth
    launcher.end("left_over.py")


@pytest.mark.native
@pytest.mark.parametrize("mode", ["fork busy", "fork born", "empty", "frames"])
def test_left_over_states(gdb, left_over, interpreter, mode):
    """The thread that gdb has selected has its own stack, whatever other threads have had its pthread_t; attached, and through gdb alone."""
    skip_where_python_dies(interpreter, mode)
    truth = left_over(mode)
    for before in (["attach %d" % truth["pid"]], None):
        with contextlib.nullcontext() if before else gdbserver(truth["pid"]) as connect:
            tids = [int(tid) for tid in truth["living"]]
            answers = gdb.run(ALL, *(command for tid in tids for command in (select(tid), "py-bt")), before=before or ["set sysroot /nowhere", connect])
        assert_true(answers[0].json, mode, truth)
        for tid, shown in zip(tids, answers[2::2]):
            name, function = truth["living"][str(tid)]
            assert shown.good.startswith('Thread %d "%s"' % (tid, name)) and re.search(r", in %s$" % function, shown.good, re.MULTILINE)


@pytest.mark.native
def test_main_thread_that_has_ended(gdb, left_over):
    """gdb is attached by the id of a thread that lives, which it takes for the process's."""
    truth = left_over("main")
    computes = next(int(tid) for tid, (_, function) in truth["living"].items() if function == "computes")
    report, selected, sampled = gdb.run(ALL, "py-bt", "spprof sample -d 0.3", before=["attach %d" % computes])
    assert_true(report.json, "main", truth)
    assert selected.good.startswith('Thread %d "computes"' % computes)
    assert re.search(r"^Hottest stack: .*\n(  File .*\n)*  File .*, in computes$", sampled.text, re.MULTILINE) and not sampled.error


def summary(index, place):
    return r"#%d Frame 0x[0-9a-f]+, for file %s, line %d, in %s \(" % (index, *map(re.escape, place[:1]), place[1], re.escape(place[2]))


def check_walk(answer, places, take, last):
    def good(command, number=0):
        return answer[command][number].good

    assert re.match(summary(take, places[take]), good("py-up %d" % take))
    assert re.fullmatch(r"self = <.*Jobs .*>\nnumber = 1\nrest = \(2,\)\nword = 'two words'\nheld = \[1, 2\]\n", good("py-locals", 1))
    assert good("py-print held") == "local 'held' = [1, 2]\n"
    assert good("py-print LIMIT") == "global 'LIMIT' = 7\n"
    assert good("py-print größe") == "global 'größe' = 'breit'\n"
    assert good("py-print len") == "builtin 'len' = <built-in function len>\n"
    assert answer["py-print nowhere"][0].error == "'nowhere' not found"
    listed = good("py-list").splitlines()
    assert len(listed) == 10 and ">%d            park()" % places[take][1] in [line.lstrip() for line in listed]
    assert re.match(summary(take + 1, places[take + 1]), good("py-up"))
    assert good("py-print depth") == "local 'depth' = 0\n"
    assert re.match(summary(take, places[take]), good("py-down"))
    assert answer["py-up 1000"][0].error == "Unable to find an older python frame"
    assert answer["py-down 1000"][0].error == "Unable to find a newer python frame"
    assert re.match(summary(last, places[last]), good("py-up %d" % (last - take)))
    assert answer["py-up"][1].error == "Unable to find an older python frame"


@pytest.mark.native
def test_behind_gdbserver(gdb, launcher):
    """Memory and threads come through gdb alone, and gdb has no file of the target: its symbols stand in memory."""
    target = launcher.parked("functions.py")
    with gdbserver(target.process.pid) as connect:
        report, doctor = gdb.run(ALL, "spprof doctor", before=["set sysroot /nowhere", connect])
    assert differences(all_threads(report.json), target.truth) == []
    assert "read through the debugger" in doctor.good


def test_core(gdb, launcher, interpreter):
    target = launcher.start("crash.py", "abort", "worker")
    truth = target.truth
    core = target.core()
    debugger = "gdb-multiarch" if interpreter.emulated else None
    report, stack, doctor = gdb.run(ALL, "py-bt", "spprof doctor", gdb=debugger, before=core_commands(interpreter, core))
    # Who dies in abort() stands there, and not where it was parked.
    assert [text for text in differences(all_threads(report.json), truth) if "crasher" not in text] == []
    assert report.json["target"]["kind"] == "core" and report.json["target"]["signal"] == 6
    crashed = thread_named(truth, "worker crasher")
    assert stack.good.startswith('Thread %d "worker crasher"' % crashed[0]) and "crashed with SIGABRT" in stack.good
    assert "read directly from the core file" in doctor.good


def core_commands(interpreter, core):
    return ["set sysroot %s" % interpreter.root] * bool(interpreter.root) + ["file %s" % interpreter.executable, "core-file %s" % core]


def test_qemu_stub(gdb, interpreter, tmp_path):
    """gdb-multiarch on qemu's stub: another architecture, no files, no dynamic linker's events, and no ear for Ctrl-C while the program runs."""
    if not interpreter.emulated:
        pytest.skip("%s runs on this machine's own processor" % interpreter.id)
    with socket.socket() as listening:
        listening.bind(("localhost", 0))
        port = listening.getsockname()[1]
    qemu, *rest = interpreter.argv
    launcher = Launcher(dataclasses.replace(interpreter, argv=(qemu, "-g", str(port), *rest)))
    try:
        target = launcher.launch("debugged.py")
        stop = threading.Thread(target=stop_when_parked, args=(target,), daemon=True)
        stop.start()
        sample = "spprof sample --idle 1s -r 20 -o %s --json-stats %s" % (tmp_path / "p.folded", tmp_path / "stats.json")
        _, report, stack, sampled, again = gdb.run("continue", ALL, "py-bt-all", sample, ALL, gdb="gdb-multiarch",
                                                   before=["set architecture aarch64", "target remote localhost:%d" % port])
        stop.join(60)
        truth = target.truth
    finally:
        launcher.close()
    assert differences(all_threads(report.json), truth) == []
    assert all("[gdb thread " in line for line in stack.good.splitlines() if line.startswith("Thread "))
    assert sampled.error == "" and sampled.text.endswith(" samples written to %s\n" % (tmp_path / "p.folded")) and "early" not in sampled.text
    assert json.loads((tmp_path / "stats.json").read_text())["ticks"] > 5
    stacks = {tuple(frame[0] for frame in frames) for frames, _ in folded((tmp_path / "p.folded").read_text())}
    assert {tuple(name for _, _, name in reversed(true_places(thread))) for thread in truth["threads"].values()} <= stacks
    assert differences(all_threads(again.json), truth) == []


def stop_when_parked(target):
    """Ctrl-C for qemu, which tells gdb."""
    wait_for(target.truth_path.exists, "the program's truth", 100)
    time.sleep(0.3)
    os.kill(target.process.pid, 2)

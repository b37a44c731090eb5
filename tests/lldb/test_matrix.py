"""The commands say in lldb what the interpreter says of itself: of a process, of its core, and through a stub."""
import re
import signal

import pytest

from left_over import assert_true, skip_where_python_dies, started
from stubs import connect, free_port, start_stub
from stacks import all_threads, differences

FRAME = re.compile(r'^  File "(.*)", line (\d+), in (.*)$', re.MULTILINE)
ENTRY = re.compile(r"^#(\d+) Frame 0x[0-9a-f]+, for file (.*), line (\d+), in (\S+)", re.MULTILINE)


def frames_of(text):
    return [(file, int(line), name.rpartition(".")[2]) for file, line, name in FRAME.findall(text)]


def true_frames(thread):
    return [(frame["file"], frame["line"], frame["function"]) for frame in thread["frames"]]


def numbers_of(lldb):
    """lldb's number of each thread by kernel thread id, as lldb itself lists them."""
    listed = re.findall(r"thread #(\d+): tid = (\w+)", lldb.output("thread list"))
    return {int(tid, 0): int(number) for number, tid in listed}


def check_selected_thread(lldb, truth, numbers):
    """Commands follow lldb's selected thread; frames are gone through one by one."""
    tid, thread = next((int(tid), thread) for tid, thread in truth["threads"].items()
                       if any(frame["function"] == "give_up" for frame in thread["frames"]))
    lldb.output("thread select %d" % numbers[tid])
    text = lldb.output("py-bt")
    assert text.startswith("Thread %d " % tid) and "[lldb thread %d]" % numbers[tid] in text
    assert frames_of(text) == true_frames(thread)
    assert frames_of(lldb.output("spprof bt")) == true_frames(thread)

    handle = [frame["function"] for frame in thread["frames"]].index("handle")
    for depth in range(1, handle + 1):
        number, file, line, name = ENTRY.match(lldb.output("py-up")).groups()
        assert (int(number), (file, int(line), name.rpartition(".")[2])) == (depth, true_frames(thread)[depth])
    assert lldb.output("py-print depth").strip() == "local 'depth' = 0"
    assert lldb.output("spprof print __name__").strip() == "global '__name__' = 'functions'"
    assert lldb.error("py-print nothing_of_this_name")
    assert "request = {'path': '/orders'}" in lldb.output("py-locals")
    assert ENTRY.match(lldb.output("spprof down"))[1] == str(handle - 1)
    assert lldb.error("py-up 1000000")
    assert ENTRY.match(lldb.output("spprof up"))[1] == str(handle)
    full = lldb.output("py-bt-full")
    assert frames_of(full) == true_frames(thread) and "depth = 0" in full

    other = next(other for other in numbers if str(other) in truth["threads"] and other != tid)
    lldb.output("thread select %d" % numbers[other])
    assert frames_of(lldb.output("spprof bt")) == true_frames(truth["threads"][str(other)])
    lldb.output("thread select %d" % numbers[tid])
    lldb.output("frame select 0")  # lldb remembers the frame of each thread
    assert lldb.error("py-down"), "the selected Python frame outlived lldb's"


def check_source(lldb, truth):
    """py-list marks the line where the selected frame stands."""
    lldb.output("py-up 2")
    file, line = re.search(r"for file (.*), line (\d+)", lldb.output("py-up 1")).groups()
    marked = re.search(r"^ *>(\d+) +(.*)$", lldb.output("py-list"), re.MULTILINE)
    assert marked[1] == line


def check_process(lldb, target):
    truth = target.truth
    report = lldb.report()
    assert differences(all_threads(report), truth) == []
    numbers = numbers_of(lldb)
    check_selected_thread(lldb, truth, numbers)
    labels = re.findall(r"^Thread (\d+) .*\[lldb thread (\d+)\]", lldb.output("py-bt-all"), re.MULTILINE)
    labels = {int(tid): int(number) for tid, number in labels}
    assert labels == {tid: numbers[tid] for tid in labels} and labels.keys() >= {int(tid) for tid in truth["threads"]}
    assert target.process.poll() is None


@pytest.mark.native
def test_a_process(lldb, launcher, interpreter):
    target = launcher.start("crash.py", "wait", "worker")
    lldb.attach(target.pid)
    check_process(lldb, target)
    check_source(lldb, target.truth)
    assert re.search("^ *memory +read directly from the process", lldb.output("spprof doctor"), re.MULTILINE)
    lldb.forget()
    assert target.process.poll() is None
    target.kill()


@pytest.mark.native
@pytest.mark.parametrize("mode", ["fork busy", "fork born", "empty", "frames"])
def test_left_over_states(lldb, launcher, interpreter, mode):
    """The thread that lldb has selected has its own stack, whatever other threads have had its pthread_t."""
    skip_where_python_dies(interpreter, mode)
    target = started(launcher.start, mode)
    truth = target.truth
    lldb.attach(truth["pid"])
    assert_true(lldb.report(), mode, truth)
    numbers = numbers_of(lldb)
    for tid, (name, function) in truth["living"].items():
        lldb.output("thread select %d" % numbers[int(tid)])
        text = lldb.output("py-bt")
        assert text.startswith('Thread %s "%s"' % (tid, name)) and function in [frame[2] for frame in frames_of(text)]
    lldb.forget()
    target.kill()


def test_a_core(lldb, launcher, interpreter):
    target = launcher.start("crash.py", "segv", "worker")
    truth = target.truth
    core = target.core()
    lldb.open_core(core, "--arch aarch64-unknown-linux-gnu" if interpreter.emulated else "")
    report = lldb.report()
    assert differences(all_threads(report), truth) == []
    assert (report["target"]["kind"], report["target"]["pid"], report["target"]["signal"]) == ("core", truth["pid"], signal.SIGSEGV)
    crashed = [int(tid) for tid, thread in truth["threads"].items() if thread["name"] == "worker crasher"]
    assert [thread["tid"] for thread in all_threads(report) if thread["crashed"]] == crashed
    assert report["target"]["architecture"] == interpreter.architecture
    check_selected_thread(lldb, truth, numbers_of(lldb))


def test_qemus_stub(lldb, launcher, interpreter):
    if not interpreter.emulated or interpreter.minor != "3.14":
        pytest.skip("one that runs under qemu is enough")
    port = free_port()
    target = launcher.launch("crash.py", "wait", "worker", QEMU_GDB=str(port))
    lldb.output("target create --arch aarch64-unknown-linux-gnu " + interpreter.executable)
    connect(lldb, port)
    lldb.send("continue")
    target.wait()
    target.process.send_signal(signal.SIGINT)
    assert lldb.receive()[0]
    truth = target.truth
    assert differences(all_threads(lldb.report()), truth) == []
    check_selected_thread(lldb, truth, numbers_of(lldb))
    assert re.search("^ *memory +read through the debugger", lldb.output("spprof doctor"), re.MULTILINE)
    sampled = lldb.output("spprof sample --idle 1s -r 20")
    assert "ended early" not in sampled and int(re.search("([0-9]+) samples", sampled)[1]) > 5
    assert differences(all_threads(lldb.report()), truth) == []
    lldb.run("process kill")


@pytest.mark.native
@pytest.mark.parametrize("server", ["gdbserver", "lldb-server"])
def test_a_stub(lldb, launcher, interpreter, server):
    """Another's server: nothing is read past lldb, though the process is one of this machine."""
    if interpreter.minor not in ("3.9", "3.12", "3.15"):
        pytest.skip("three versions are enough")
    target = launcher.start("crash.py", "wait", "worker")
    port, stub = start_stub(server, target.pid)
    try:
        lldb.output("target create " + interpreter.executable)
        connect(lldb, port)
        check_process(lldb, target)
        assert re.search("^ *memory +read through the debugger", lldb.output("spprof doctor"), re.MULTILINE)
        lldb.forget()
    finally:
        stub.kill()
        stub.wait()
        target.kill()

"""`spprof bt` says of a live process what the interpreter itself says: thread by thread, frame by frame."""
import itertools
import re

import pytest

from stacks import all_threads, differences
from test_witnesses import comparable, dump_of_threads

SHAPES = ["functions.py", "generators.py", "exceptions.py", "lines.py", "names.py"]
TEXT_FRAME = re.compile(r'  File "(.*)", line (\d+), in (.*)')


@pytest.mark.parametrize("program", SHAPES)
def test_every_frame_of_every_shape(spprof, parked, program):
    """Peers' faults 2 (lines past 128 bytes of bytecode, calls on many lines) and 4 (names and files of any script)."""
    target = parked(program)
    report = spprof.report(target.pid)
    assert differences(all_threads(report), target.truth) == []
    assert [interpreter["id"] for interpreter in report["interpreters"]] == [0]


@pytest.mark.parametrize("program", ["functions.py", "generators.py", "exceptions.py"])
def test_frames_that_no_witness_has_touched(spprof, launcher, program):
    """Asking a process for its frames makes frame objects; without them the stacks must read the same."""
    target = launcher.start_late(program)
    report = spprof.report(target.process.pid)
    try:
        assert differences(all_threads(report), target.go().truth) == []
    finally:
        target.kill()


def test_without_stopping_the_process(spprof, parked):
    for program in SHAPES:
        target = parked(program)
        assert differences(all_threads(spprof.report("--no-stop", target.pid)), target.truth) == []


@pytest.mark.native
def test_no_column_is_made_up(spprof, start):
    """With -X no_debug_ranges code objects have lines only."""
    target = start("functions.py", options=("-X", "no_debug_ranges"))
    report = spprof.report(target.pid)
    assert differences(all_threads(report), target.truth) == []
    frames = [frame for thread in all_threads(report) for frame in thread["frames"] if "spprof-" in frame["file"]]
    assert {frame["column"] for frame in frames} == {None}


@pytest.mark.heavy
@pytest.mark.native
def test_200000_frames(spprof, start):
    """Peers' fault 3: no stack is too deep."""
    target = start("deep.py", 200000)
    truth = target.truth
    assert max(len(thread["frames"]) for thread in truth["threads"].values()) > 200000
    # On a busy machine the copy takes longer than the threads are to stand for: that is told, and nothing of it has moved here.
    report = spprof.report(target.pid, codes=(0, 3))
    assert differences(all_threads(report), truth) == []
    assert all("the threads were let go after" in problem for problem in report["problems"])


@pytest.mark.native
def test_8000_frames_in_text(spprof, start):
    """Peers' fault 3, as people see it."""
    target = start("deep.py", 8000)
    text = spprof.text(target.pid)
    assert text.count(", in down\n") == 8001


def test_what_the_report_says_of_target_and_runtime(spprof, parked, interpreter):
    target = parked("functions.py")
    report, truth = spprof.report(target.pid), target.truth
    runtime = report["runtime"]
    assert (report["format"], report["version"]) == ("spprof-stacks", 1)
    said = {"kind": "process", "pid": truth["pid"], "architecture": interpreter.architecture, "signal": None}
    assert said.items() <= report["target"].items()
    assert (runtime["free_threaded"], runtime["debug"]) == (interpreter.free_threaded, interpreter.debug)
    # 3.9 and 3.10 keep no version number, so that the patch level may be unknown.
    assert runtime["python"] in ([truth["version"], interpreter.minor] if interpreter.release < (3, 11) else [truth["version"]])
    assert runtime["layout"] in ("debug-offsets", "dwarf", "built-in")
    assert int(runtime["address"], 16) > 0


def test_the_doctor_finds_nothing_wrong(spprof, parked, interpreter):
    target = parked("functions.py")
    done = spprof.run("doctor", target.pid)
    assert done.returncode == 0, done.stderr
    assert interpreter.minor in done.stdout.decode("utf-8")
    assert spprof.report(target.pid)["runtime"]["address"] in done.stdout.decode("utf-8")


@pytest.mark.native
def test_the_executable_is_named(spprof, parked, interpreter):
    report = spprof.report(parked("functions.py").pid)
    # A process in a chroot has two names for it, its own and the host's.
    assert report["target"]["executable"] in (interpreter.executable, interpreter.inside(interpreter.executable))


def test_threads_come_in_the_order_of_faulthandler(spprof, parked):
    target = parked("functions.py")
    truth = target.truth
    tids = {thread["ident"]: int(tid) for tid, thread in truth["threads"].items()}
    order = [tids[ident] for ident in dump_of_threads(target.faulthandler) if ident in tids]
    assert [thread["tid"] for thread in all_threads(spprof.report(target.pid)) if thread["tid"] != truth["recorder"]] == order


def text_blocks(text):
    """The lines of each thread in a text, by thread id."""
    lines = iter(text.splitlines())
    blocks = {}
    for line in lines:
        if header := re.match(r"Thread (\d+)", line):
            block = blocks[int(header[1])] = []
        elif line.startswith("  "):
            block.append(line)
    return blocks


@pytest.mark.parametrize("program", ["functions.py", "generators.py", "exceptions.py"])
def test_text_agrees_with_faulthandler(spprof, parked, program):
    """The text has faulthandler's files and lines in its order; its names are the qualified ones, where there are such."""
    target = parked(program)
    blocks, dump, truth = text_blocks(spprof.text(target.pid)), dump_of_threads(target.faulthandler), target.truth
    for tid, thread in truth["threads"].items():
        frames = [TEXT_FRAME.fullmatch(line).groups() for line in blocks[int(tid)] if line.startswith("  File")]
        seen, shown = comparable(dump[thread["ident"]], frames[:100])  # faulthandler stops at the hundredth frame
        witness = [re.fullmatch(r'  File "(.*)", line (\d+) in (.*)', line).groups() for line in seen]
        assert [frame[:2] for frame in shown] == [frame[:2] for frame in witness]
        assert [frame[2] for frame in frames] == [frame["qualified_name"] or frame["function"] for frame in thread["frames"]]
        assert all(frame[2].split(".")[-1] == name for frame, (_, _, name) in zip(frames, witness))


def source_lines(text):
    """Pairs of a frame's file and line, and the source line under it or None."""
    lines = text.splitlines()
    for line, below in itertools.zip_longest(lines, lines[1:], fillvalue=""):
        if frame := TEXT_FRAME.fullmatch(line):
            yield frame[1], int(frame[2]), below.strip() if below.startswith("    ") else None


def test_source_lines_of_unmodified_files(spprof, parked, interpreter):
    shown = list(source_lines(spprof.text(parked("functions.py").pid)))
    assert any("threading.py" in file for file, _, _ in shown)
    for file, line, source in shown:
        path = interpreter.outside(file)
        assert source == (path.read_text().splitlines()[line - 1].strip() if path.is_file() else None), (file, line)


def test_no_source_lines_when_unwanted(spprof, parked):
    assert {source for _, _, source in source_lines(spprof.text("--no-source", parked("functions.py").pid))} == {None}


@pytest.mark.native
def test_no_source_lines_of_a_file_modified_since(spprof, start, launcher):
    """What is printed is surely what runs: a file that was changed after the start of the process is left out."""
    copy = launcher.copy_programs()
    target = start("functions.py", programs=copy)
    path = copy / "functions.py"
    path.write_text("# another first line\n" + path.read_text())
    shown = list(source_lines(spprof.text(target.pid)))
    assert {source for file, _, source in shown if file.endswith("functions.py")} == {None}
    assert "GATE.acquire()" in {source for file, _, source in shown if file.endswith("parking.py")}


def test_no_control_byte_reaches_a_terminal(spprof, parked, interpreter):
    """Peers' fault 5: the text of a hostile program is plain lines of valid UTF-8."""
    target = parked("names.py")
    for color in ("never", "auto"):
        text = spprof.text("--color", color, target.pid)
        assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]", text) == []
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", spprof.run("bt", "--json", target.pid).stdout.decode("utf-8")) == []
    # No line of the target's making: each is a thread, a frame, a source line, or empty.
    blocks = text_blocks(text)
    for tid, thread in target.truth["threads"].items():
        assert len([line for line in blocks[int(tid)] if line.startswith("  File")]) == len(thread["frames"])
    readable = [(frame["file"], frame["function"]) for thread in target.truth["threads"].values() for frame in thread["frames"]
                if frame["function"] in ("naïve_é", "имя_関数", "𝐟𝐮𝐧_🐍")]
    assert len(readable) == 5
    for file, function in readable:
        assert re.search(r'File "[^"]*", line \d+, in (Class\.)?%s\n' % function, text)


@pytest.mark.heavy
@pytest.mark.native
@pytest.mark.parametrize("mode", [(), ("--no-stop",)], ids=["stopped", "not stopped"])
def test_stacks_of_running_threads_are_possible(spprof, start, mode):
    """Peers' faults 1 and 2: no torn chain, no pair of caller and callee that never stood, no frame without a line."""
    target = start("churn.py")
    truth = target.truth
    calls, lines = {tuple(call) for call in truth["calls"]}, truth["lines"]
    seen = set()
    for _ in range(100):
        report = spprof.report(*mode, target.pid, codes=(0, 3))
        # On a busy machine some of it is read when the threads have been let go, which is told.
        ran = mode or any("were let go after" in problem or "did not stop" in problem for problem in report["problems"])
        for thread in all_threads(report):
            if ran and thread["truncated"] is not None:
                continue
            assert thread["truncated"] is None
            stack = thread["frames"]
            assert stack == [] or stack[-1]["function"] in ("work", "<module>"), stack
            for frame in stack:
                assert frame["line"] in lines[frame["function"]], frame
            for callee, caller in zip(stack, stack[1:]):
                assert (caller["function"], caller["line"], callee["function"]) in calls, stack
            seen.update(frame["function"] for frame in stack)
    assert {"turn", "deep", "numbers", "awaited", "leaf_a"} <= seen


@pytest.mark.heavy
@pytest.mark.native
def test_most_running_stacks_are_whole_without_stopping(spprof, start):
    target = start("churn.py")
    threads = [thread for _ in range(50) for thread in all_threads(spprof.report("--no-stop", target.pid, codes=(0, 3)))]
    whole = [thread for thread in threads if thread["truncated"] is None and thread["frames"]]
    assert len(whole) > len(threads) / 2


@pytest.mark.native
def test_a_thread_that_is_entering_the_interpreter(spprof, start, interpreter):
    """Nothing tells its frames at that moment, a fifth of its time; a moment later all is there, if it is given a CPU meanwhile."""
    if interpreter.minor not in ("3.11", "3.12"):
        pytest.skip("C frames name the newest frame in 3.11 and 3.12 only")
    target = start("entering.py")
    threads = [thread for _ in range(40) for thread in all_threads(spprof.report(target.pid, codes=(0, 3)))]
    cut_short = [thread["truncated"] for thread in threads if thread["truncated"] is not None]
    assert len(cut_short) <= 2 and all("just entering" in reason for reason in cut_short), cut_short
    whole = [[frame["function"] for frame in thread["frames"]] for thread in threads if thread["truncated"] is None]
    assert all(names == ["enter", "<module>"] for names in whole)

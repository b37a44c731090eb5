"""Several Pythons in one process, and one in memory of no file: attached to, behind gdbserver, and sampled."""
import pytest

from session import ALL, gdbserver
from stacks import all_threads, differences
from test_memory_places import check_both, host, hosting, mover, moved_bare, plug_in, report_of_both

pytestmark = [pytest.mark.matrix, pytest.mark.native]


@pytest.fixture
def target(spprof, hosting):
    started = hosting("work")
    report_of_both(spprof, started.pid)
    return started


def test_all_are_shown(gdb, target):
    report, text = gdb.run(ALL, "py-bt-all", before=["attach %d" % target.pid])
    check_both(report.json, target.truth)
    assert "innermost_of_plug_in" in text.good and "in park\n" in text.good


def test_all_are_shown_behind_gdbserver(gdb, target):
    with gdbserver(target.pid) as connect:
        report, = gdb.run(ALL, before=[connect])
    check_both(report.json, target.truth)


def test_all_are_sampled(gdb, target, tmp_path):
    gdb.run("spprof sample 500ms --idle -r 20 -o %s" % (tmp_path / "o.folded"), before=["attach %d" % target.pid])
    text = (tmp_path / "o.folded").read_text()
    assert "innermost_of_plug_in (" in text and ";park (" in text
    assert {line.split()[0] for line in text.splitlines()} == {"Python"}


def test_memory_of_no_file_behind_gdbserver(gdb, moved_bare):
    """Where gdb knows no file of it, it knows its memory."""
    with gdbserver(moved_bare.pid) as connect:
        report, = gdb.run(ALL, before=["set sysroot /nowhere", "set auto-solib-add off", connect])
    assert differences(all_threads(report.json), moved_bare.truth) == []

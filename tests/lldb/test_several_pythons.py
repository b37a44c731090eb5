"""Several Pythons in one process, and one in memory of no file: attached to, behind lldb-server, and sampled."""
import pytest

from stacks import all_threads, differences
from stubs import connect, start_stub
from test_memory_places import check_both, host, hosting, mover, moved_bare, plug_in, report_of_both

pytestmark = [pytest.mark.matrix, pytest.mark.native]


@pytest.fixture
def target(spprof, hosting):
    started = hosting("work")
    report_of_both(spprof, started.pid)
    return started


@pytest.fixture
def behind_server(lldb):
    """behind_server(pid): lldb has the process by lldb-server."""
    stubs = []

    def begin(pid):
        port, stub = start_stub("lldb-server", pid)
        stubs.append(stub)
        connect(lldb, port)
    yield begin
    lldb.forget()
    for stub in stubs:
        stub.kill()
        stub.wait()


def test_all_are_shown(lldb, target):
    lldb.attach(target.pid)
    check_both(lldb.report(), target.truth)


def test_all_are_shown_behind_lldb_server(lldb, target, behind_server):
    behind_server(target.pid)
    check_both(lldb.report(), target.truth)


def test_all_are_sampled(lldb, target, tmp_path):
    lldb.attach(target.pid)
    lldb.output("spprof sample 500ms --idle -r 20 -o %s" % (tmp_path / "o.folded"))
    text = (tmp_path / "o.folded").read_text()
    assert "innermost_of_plug_in (" in text and ";park (" in text
    assert {line.split()[0] for line in text.splitlines()} == {"Python"}


def test_memory_of_no_file_behind_lldb_server(lldb, moved_bare, behind_server):
    behind_server(moved_bare.pid)
    assert differences(all_threads(lldb.report()), moved_bare.truth) == []

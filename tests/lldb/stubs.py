"""Servers that lldb reaches a process by."""
import re
import socket
import subprocess
from pathlib import Path

from harness import wait_for


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listens(port):
    """Asked of the kernel: a stub takes one connection only."""
    return re.search(r" \w+:%04X \w+:\w+ 0A " % port, Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text())


def connect(lldb, port):
    """A stub listens a little after it was started."""
    def connected():
        return lldb.run("gdb-remote 127.0.0.1:%d" % port)[0]
    wait_for(connected, "the stub at port %d" % port)


def start_stub(server, pid):
    """gdbserver or lldb-server, attached to a process: its port and itself."""
    port = free_port()
    arguments = [":%d" % port] if server == "gdbserver" else ["gdbserver", "127.0.0.1:%d" % port]
    return port, subprocess.Popen([server, *arguments, "--attach", str(pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

"""Servers that lldb reaches a process by."""
import socket
import subprocess

from harness import wait_for


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


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

"""lldb in a terminal, as a user has it."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|[\r\x07]")
PROMPT = "(lldb) "
# What newer ones write over the line that is typed; older ones do not know the settings.
QUIET = ["-O", "settings set show-progress false", "-O", "settings set show-statusline false"]


class Terminal:
    def __init__(self, program, *arguments, environment=None):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            time.sleep(0.1)  # until the terminal has its size
            os.execvpe(program, [program, "--no-lldbinit", *QUIET, *arguments], {**os.environ, "TERM": "xterm", **(environment or {})})
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("4H", 50, 200, 0, 0))  # without a size it is none for lldb
        self.seen = ""

    def type(self, text):
        os.write(self.terminal, text.encode())

    def interrupt(self):
        self.type("\x03")

    def wait(self, *texts, timeout=int(os.environ.get("TT",60))):
        """What is shown until the texts have been, in this order, raw."""
        end = time.monotonic() + timeout
        while not (found := find_in_order(CONTROL.sub("", self.seen), texts)):
            ready, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise TimeoutError("waited for %r in:\n%s" % (texts, CONTROL.sub("", self.seen)))
            self.seen += os.read(self.terminal, 65536).decode("utf-8", "replace")
        shown, self.seen = self.seen, ""
        return shown

    def wait_for_prompt(self, *texts):
        """What is shown until lldb reads keys again, each as it is typed."""
        shown = self.wait(*texts, PROMPT)
        end = time.monotonic() + 10
        while termios.tcgetattr(self.terminal)[3] & termios.ICANON and time.monotonic() < end:
            time.sleep(0.005)
        return shown

    def command(self, text, *texts):
        """Runs a command and gives what is shown, from the command itself to the next prompt."""
        self.type(text + "\n")
        return self.wait_for_prompt(text, *texts)

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


def find_in_order(text, parts):
    place = 0
    for part in parts:
        place = text.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True

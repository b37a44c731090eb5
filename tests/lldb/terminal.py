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

    def wait(self, *texts, timeout=60):
        """What is shown until the texts have been, in this order, raw. What comes behind is for the next call."""
        end = time.monotonic() + timeout
        while not (place := place_behind(self.seen, texts)):
            ready, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise TimeoutError("waited for %r in:\n%s" % (texts, CONTROL.sub("", self.seen)))
            self.seen += os.read(self.terminal, 65536).decode("utf-8", "replace")
        shown, self.seen = self.seen[:place], self.seen[place:]
        return shown

    def wait_until_reading(self, reading):
        """lldb takes each key as it is typed while it reads a command, and none while it runs one."""
        end = time.monotonic() + 10
        while bool(termios.tcgetattr(self.terminal)[3] & termios.ICANON) == reading and time.monotonic() < end:
            time.sleep(0.005)

    def wait_for_prompt(self, *texts):
        """What is shown until lldb reads the next command."""
        shown = self.wait(*texts, PROMPT)
        self.wait_until_reading(True)
        return shown

    def command(self, text, *texts):
        """Runs a command and gives what is shown, from the command itself to the next prompt."""
        self.type(text + "\n")
        return self.wait_for_prompt(text, *texts)

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


def place_behind(raw, texts):
    """Where the last of the texts ends that stand in this order in what a terminal shows; 0: they do not yet."""
    place = -1
    while (place := raw.find(texts[-1], place + 1)) >= 0:
        end = place + len(texts[-1])
        if re.search(".*?".join(map(re.escape, texts)), CONTROL.sub("", raw[:end]), re.DOTALL):
            return end
    return 0

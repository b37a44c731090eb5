"""The Firefox Profiler's own code, asked by its command line program what it understands of a file."""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

DEADLINE = 240  # seconds for one answer: only what hangs takes as long
SESSION = "test"
DEPTH = 201  # frames of a stack, then it tells no more


class FirefoxProfiler:
    """The program keeps a file loaded in a process of its own. Its command `load` waits half a second for that one, so it is started here."""

    def __init__(self, program, path):
        self.sessions = tempfile.TemporaryDirectory(prefix="spprof-firefox.", ignore_cleanup_errors=True)
        self.command = ["node", program]
        self.environment = {**os.environ, "PROFILER_CLI_SESSION_DIR": self.sessions.name}
        self.loaded = subprocess.Popen([*self.command, "--daemon", path, "--session", SESSION], env=self.environment,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        self.wait()
        return self

    def __exit__(self, *_):
        self.loaded.terminate()
        self.loaded.wait()
        self.sessions.cleanup()

    def wait(self):
        """Whoever asks too early makes the program forget the file."""
        log, deadline = Path(self.sessions.name, SESSION + ".log"), time.monotonic() + DEADLINE
        while not (log.exists() and "loaded successfully" in log.read_text()):
            assert self.loaded.poll() is None and time.monotonic() < deadline, log.read_text() if log.exists() else "no log"
            time.sleep(0.02)

    def ask(self, *command):
        done = subprocess.run([*self.command, *command, "--session", SESSION, "--json"], env=self.environment, capture_output=True, text=True,
                              timeout=DEADLINE)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def threads(self):
        """Handle > (kernel thread id, name)."""
        return {thread["threadHandle"]: (thread["tid"], thread["name"]) for thread in self.ask("thread", "list", "--limit", "10000")["threads"]}

    def call_tree(self, handle):
        """The first functions of a stack, root first > samples with nothing further in, or more than is told; all samples of the thread."""
        answer = self.ask("thread", "samples-top-down", "--thread", handle, "--include-idle", "--max-lines", "1000000")
        assert answer["weightType"] == "samples"
        root, found = answer["regularCallTree"], {}
        waiting = [((), child) for child in root["children"]]
        while waiting:
            callers, node = waiting.pop()
            stack = (*callers, node["name"])
            samples = node["selfSamples"] + node.get("childrenTruncated", {"combinedSamples": 0})["combinedSamples"]
            if samples:
                found[stack] = found.get(stack, 0) + samples
            waiting += [(stack, child) for child in node["children"]]
        return found, root["totalSamples"]

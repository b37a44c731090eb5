"""A client of gdb's adapter for the debug adapter protocol: what an IDE asks."""
import json
import queue
import subprocess
import threading
import time


class Adapter:
    def __init__(self, gdb, folder, *options):
        command = [gdb.path, *gdb.start_options(), "-q", "-i", "dap", "-iex", "source " + gdb.loader, *options]
        self.errors = open(folder / "dap-errors", "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)
        self.messages, self.number, self.events = queue.Queue(), 0, []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while header := self.process.stdout.readline():
            size = None
            while header.strip():
                name, _, value = header.partition(b":")
                size = int(value) if name.lower() == b"content-length" else size
                header = self.process.stdout.readline()
            if size is not None:
                self.messages.put(json.loads(self.process.stdout.read(size)))
        self.messages.put(None)

    def next(self, end):
        try:
            message = self.messages.get(timeout=max(0, end - time.monotonic()))
        except queue.Empty:
            raise TimeoutError("the adapter does not answer; last events: %s" % self.events[-5:])
        assert message is not None, "the adapter has ended with %s" % self.process.wait(60)
        return message

    def send(self, command, **arguments):
        self.number += 1
        body = json.dumps({"seq": self.number, "type": "request", "command": command, "arguments": arguments}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()
        return self.number

    def response(self, number, timeout=60):
        end = time.monotonic() + timeout
        while (message := self.next(end)).get("request_seq") != number:
            if message["type"] == "event":
                self.events.append(message)
        return message

    def ask(self, command, **arguments):
        """The body of the answer; it must be a success."""
        answer = self.response(self.send(command, **arguments))
        assert answer["success"], (command, answer.get("message"), answer)
        return answer.get("body") or {}

    def begin(self):
        return self.ask("initialize", adapterID="test", linesStartAt1=True, columnsStartAt1=True, pathFormat="path", supportsVariableType=True)

    def attach(self, **target):
        """Attaches to a process or a remote target, or opens a core."""
        self.begin()
        attached = self.send("attach", **target)
        self.ask("configurationDone")
        answer = self.response(attached)
        assert answer["success"], answer

    def evaluate(self, expression, frame=None):
        """What a command prints, where an IDE's user types it beside a frame."""
        place = {} if frame is None else {"frameId": frame}
        return self.ask("evaluate", expression=expression, context="repl", **place)["result"]

    def close(self):
        self.send("disconnect", terminateDebuggee=False)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors.close()

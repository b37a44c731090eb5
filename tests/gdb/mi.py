"""gdb driven through its machine interface, whose answers are read by the grammar that gdb's manual gives: what does not fit it fails."""
import os
import re
import subprocess
import threading

STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
NAME = re.compile(r"[A-Za-z0-9_-]+")
ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "e": "\x1b"}


class Invalid(AssertionError):
    pass


class Reader:
    def __init__(self, text):
        self.text, self.at = text, 0

    def take(self, literal):
        if not self.text.startswith(literal, self.at):
            return False
        self.at += len(literal)
        return True

    def match(self, pattern):
        found = pattern.match(self.text, self.at)
        if not found:
            raise Invalid("at %d: ...%s" % (self.at, self.text[max(0, self.at - 40):self.at + 60]))
        self.at = found.end()
        return found

    def string(self):
        body = self.match(STRING)[1]
        body = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), body.encode()).decode()
        return re.sub(r"\\(.)", lambda escape: ESCAPES[escape[1]], body)

    def result(self):
        name = self.match(NAME)[0]
        if not self.take("="):
            raise Invalid("no value for " + name)
        return name, self.value()

    def value(self):
        if self.take("{"):
            return self.tuple("}")
        if self.take("["):
            return self.list()
        return self.string()

    def separated(self, end, one):
        if self.take(end):
            return
        yield one()
        while not self.take(end):
            if not self.take(","):
                raise Invalid("neither a comma nor %s at %d: %s" % (end, self.at, self.text[max(0, self.at - 60):self.at + 60]))
            yield one()

    def tuple(self, end):
        fields = list(self.separated(end, self.result))
        if len({name for name, _ in fields}) != len(fields):
            raise Invalid("a field stands twice in %s" % self.text)
        return dict(fields)

    def list(self):
        """Values, or results, whose name is the same for all of them."""
        if self.text[self.at] not in '"{[]':
            fields = list(self.separated("]", self.result))
            if len({name for name, _ in fields}) > 1:
                raise Invalid("a list of several kinds in %s" % self.text)
            return [value for _, value in fields]
        return list(self.separated("]", self.value))


def read_result(line):
    """The fields of a result record, '^done,stack=[...]'."""
    kind, comma, rest = line[1:].partition(",")
    reader = Reader(rest + "\0")
    fields = reader.tuple("\0") if comma else {}
    return kind, fields


class Machine:
    """One run of gdb with -i=mi."""

    def __init__(self, gdb, folder):
        self.gdb = gdb
        self.errors = open(folder / "mi-errors", "wb")
        self.process = subprocess.Popen([gdb.path, *gdb.start_options(), "-q", "-i=mi"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
        self.said = []  # by the console, since the last command
        self.watch = threading.Timer(120, self.process.kill)  # a gdb that hangs is one that has ended
        self.watch.start()

    def raw(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        self.said = []
        for line in self.process.stdout:
            if line.startswith("^"):
                return line.rstrip("\n")
            if line.startswith("~"):
                self.said.append(Reader(line[1:]).string())
        raise Invalid("gdb has ended at " + command)

    def ask(self, command):
        """The fields of the answer; it must be one that says that the command was done."""
        line = self.raw(command)
        kind, fields = read_result(line)
        assert kind in ("done", "connected", "running"), (command, line)
        return fields

    def console(self, command):
        self.ask('-interpreter-exec console "%s"' % command.replace("\\", "\\\\").replace('"', '\\"'))
        return "".join(self.said)

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.write("-gdb-exit\n")
            self.process.stdin.close()
        self.process.stdout.read()
        self.process.wait()
        self.watch.cancel()
        self.errors.close()

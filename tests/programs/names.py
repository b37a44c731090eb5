"""Names that scripts, and those who attack a terminal, may choose: of files, functions and threads."""
import ctypes
import sys
import threading

from parking import park, run

TEXTS = {
    "escape": "\x1b[31mred\x1b]0;title\x07",
    "controls": "".join(map(chr, range(1, 32))) + "\x7f\x80\x9b31m",
    "newline": "one\ntwo\r\n  File \"three\", line 3, in four",
    "quotes": "\"quoted\" 'twice' \\ back\\nslash",
    "latin_1": "naïve_é",
    "ucs_2": "имя_関数",
    "ucs_4": "𝐟𝐮𝐧_🐍",
    "lone_surrogates": "\udc80 \ud83d \udfff",
    "bidirectional": "\u202etxet\u2066 \u200b\u2028\ufeff\ufffe",
    "300_characters": "x" * 300,
    "300_wide_characters": "関" * 300,
    "5000_characters": "long " * 1000,
    "empty": "",
    "markup": "</script><b>&amp;{}[]$(id)`id`%s%n",
}


class Text(str):
    """Its instances keep their characters apart from their head."""


def legacy(text):
    """A string as C extensions made them until 3.11: wchar_t characters only, and not ready."""
    if sys.version_info >= (3, 12):
        return Text(text)
    api, pointer, size = ctypes.pythonapi, ctypes.c_void_p, ctypes.c_ssize_t
    new = ctypes.PYFUNCTYPE(ctypes.py_object, pointer, size)(("PyUnicode_FromUnicode", api))
    characters = ctypes.PYFUNCTYPE(pointer, ctypes.py_object)(("PyUnicode_AsUnicode", api))
    string = new(None, len(text))
    wide = ctypes.create_unicode_buffer(text)
    ctypes.memmove(characters(string), wide, len(text) * ctypes.sizeof(ctypes.c_wchar))
    return string


def called(text):
    """Runs a function of that name, which parks."""
    code = (lambda: park()).__code__
    qualified = {"co_qualname": "Class." + text} if sys.version_info >= (3, 11) else {}
    exec(code.replace(co_name=text, co_filename=text, **qualified), {"park": park})


def compiled(text):
    """Runs the module of a file of that name, which parks."""
    exec(compile("park()", text.encode("utf-8", "surrogatepass"), "exec"), {"park": park})


def defined(text):
    """Runs a function whose name the compiler has seen."""
    exec("def %s():\n    park()\n%s()" % (text, text), {"park": park})


def shape(function, label):
    def start():
        function(TEXTS[label])
    start.__name__ = function.__name__ + "_" + label
    return start


def named_thread(label):
    """A thread of that name."""
    def start():
        threading.current_thread().name = TEXTS[label]
        park()
    start.__name__ = label
    return start


def with_name(name):
    """A thread whose name is this very object."""
    def start():
        threading.current_thread()._name = name
        park()
    return start


def nul_inside():
    exec((lambda: park()).__code__.replace(co_name="a\0b", co_filename="c\0d"), {"park": park})


def undecodable_file_name():
    exec(compile("park()", b"caf\xe9.py", "exec"), {"park": park})


if __name__ == "__main__":
    threading.current_thread().name = "main, renamed"
    run(*[shape(called, label) for label in TEXTS],
        *[shape(compiled, label) for label in TEXTS],
        *[shape(defined, label) for label in ("latin_1", "ucs_2")],
        *[named_thread(label) for label in TEXTS],
        with_name(Text("a subclass of str")), with_name(Text("подкласс")), with_name(legacy("legacy")), with_name(legacy("наследие")),
        nul_inside, undecodable_file_name)

"""overwritten.py TRUTH KIND: a program that has written over what Python keeps of itself, and waits."""
import ctypes
import sys

from parking import park, run

KINDS = {"text": "3", "number": 0x03000000, "large": 10 ** 30}


def overwrite(kind):
    if kind == "deleted":
        del sys.hexversion
    elif kind == "type name":
        # tp_name of the type of code objects, behind the head of the type and its ob_size.
        head = object.__basicsize__ + ctypes.sizeof(ctypes.c_ssize_t)
        name = ctypes.create_string_buffer(b"overwritten")
        sys.kept = name
        ctypes.c_void_p.from_address(id(type(overwrite.__code__)) + head).value = ctypes.addressof(name)
    else:
        sys.hexversion = KINDS[kind]


if __name__ == "__main__":
    kind = sys.argv[2]
    run(park, main=lambda: (overwrite(kind), park()))

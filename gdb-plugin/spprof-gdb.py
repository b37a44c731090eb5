"""Loads spprof into gdb. In ~/.gdbinit: source /usr/local/share/spprof/spprof-gdb.py"""


def load_spprof():
    import importlib.machinery
    import importlib.util
    import os
    import sys

    import gdb

    name = "spprof_gdb"
    here = os.path.dirname(os.path.realpath(os.path.expanduser(__file__)))
    places = [here, os.path.join(here, "../../lib/spprof"), os.path.join(here, "../build")]
    found = [path for path in (os.path.join(place, name + ".abi3.so") for place in places) if os.path.exists(path)]
    if not found:
        raise gdb.GdbError("spprof: %s.abi3.so is in none of %s; build and install spprof (make install)" % (name, ", ".join(places)))
    if sys.version_info < (3, 9):
        raise gdb.GdbError("spprof: this gdb has Python %d.%d inside; it needs 3.9 or later" % sys.version_info[:2])
    if name not in sys.modules:
        loader = importlib.machinery.ExtensionFileLoader(name, os.path.realpath(found[0]))
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
        loader.exec_module(module)
        sys.modules[name] = module
    sys.modules[name].load()


load_spprof()
del load_spprof

"""Loads spprof into gdb. In ~/.gdbinit: source /usr/local/share/spprof/spprof-gdb.py"""


def load_spprof():
    import importlib.machinery
    import importlib.util
    import os
    import sys

    import gdb

    name = "spprof_gdb"
    # gdb forgets __file__ where one script sources another; the code knows where it was read from.
    here = os.path.dirname(os.path.realpath(os.path.expanduser(load_spprof.__code__.co_filename)))
    places = [os.path.normpath(os.path.join(here, place)) for place in (".", "../../lib/spprof", "../build")]
    found = [path for path in (os.path.join(place, name + ".abi3.so") for place in places) if os.path.exists(path)]
    if sys.version_info < (3, 9):
        gdb.write("spprof is not loaded: this gdb has Python %d.%d inside, and 3.9 is the oldest that will do\n" % sys.version_info[:2], gdb.STDERR)
    elif not found:
        gdb.write("spprof is not loaded: %s.abi3.so is in none of %s; 'make install' puts it there\n" % (name, ", ".join(places)), gdb.STDERR)
    else:
        if name not in sys.modules:
            loader = importlib.machinery.ExtensionFileLoader(name, found[0])
            module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
            loader.exec_module(module)
            sys.modules[name] = module
        sys.modules[name].load()


load_spprof()
del load_spprof

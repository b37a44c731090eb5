"""Runs commands in the lldb of this Python as a script would: one JSON string a line on stdin, what came of it on stdout.

argv[1]: the library that is lldb's module, where the installed module does not find it (Debian 12).
"""
import importlib.machinery
import importlib.util
import json
import os
import sys

if len(sys.argv) > 1:
    loader = importlib.machinery.ExtensionFileLoader("_lldb", sys.argv[1])
    spec = importlib.util.spec_from_file_location("_lldb", sys.argv[1], loader=loader)
    sys.modules["_lldb"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["_lldb"])
import lldb

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # lldb writes to stdout, too
debugger = lldb.SBDebugger.Create(False)
debugger.SetAsync(False)
debugger.SetUseColor(False)
for line in sys.stdin:
    result = lldb.SBCommandReturnObject()
    debugger.GetCommandInterpreter().HandleCommand(json.loads(line), result)
    print(json.dumps([result.Succeeded(), result.GetOutput() or "", result.GetError() or ""]), file=answers, flush=True)
lldb.SBDebugger.Destroy(debugger)

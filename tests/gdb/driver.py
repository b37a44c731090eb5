"""Runs inside gdb: the commands that SPPROF_TEST names, with what each printed, complained, and did to the inferior."""
import json
import os

import gdb

wanted = json.loads(os.environ["SPPROF_TEST"])
events = []
for name in ("cont", "inferior_call", "memory_changed", "register_changed"):
    getattr(gdb.events, name).connect(lambda event, name=name: events.append(name))

for command in wanted["before"]:
    gdb.execute(command, False, True)
answers = []
for command in wanted["commands"]:
    events.clear()
    text = error = ""
    try:
        text = gdb.execute(command, False, True)
    except (gdb.error, KeyboardInterrupt) as reason:
        error = str(reason) or type(reason).__name__
    answers.append((command, text, error, list(events)))
with open(wanted["result"], "w") as file:
    json.dump(answers, file)

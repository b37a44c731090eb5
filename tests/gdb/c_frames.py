"""Runs inside gdb: the command c-frames tells the C frames of the selected thread, as gdb itself has them, and the file of each."""
import json

import gdb


class CFrames(gdb.Command):
    """[number, name or null, shared library or null] of every C frame, newest first."""

    def __init__(self):
        super().__init__("c-frames", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        frames, frame = [], gdb.newest_frame()
        while frame is not None:
            frames.append([len(frames), frame.name(), gdb.solib_name(frame.pc())])
            frame = frame.older()
        gdb.write(json.dumps(frames))


CFrames()

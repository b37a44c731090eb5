"""Runs inside gdb: frame filters of somebody else, before and behind any other."""
import gdb
from gdb.FrameDecorator import FrameDecorator


class Other:
    def __init__(self, priority):
        self.name, self.enabled, self.priority = "other %d" % priority, True, priority
        gdb.frame_filters[self.name] = self

    def filter(self, frames):
        return map(FrameDecorator, frames)


Other(1)
Other(1000)

"""The stacks of a report and those of a truth in one form, and how they differ."""

PLACE = ("line", "end_line", "column", "end_column")


def expected_frame(frame):
    place = frame["positions"] or [frame["line"], None, None, None]
    owner = ("generator" if frame["generator"] else "thread") if frame["positions"] else None
    return {"function": frame["function"], "qualified_name": frame["qualified_name"], "file": frame["file"], **dict(zip(PLACE, place)),
            "owner": owner}


def expected_threads(truth):
    """The threads of a truth by kernel thread id."""
    return {int(tid): {"name": thread["name"], "main": thread["main"], "truncated": None,
                       "frames": [expected_frame(frame) for frame in thread["frames"]]}
            for tid, thread in truth["threads"].items()}


def all_threads(report):
    return [thread for interpreter in report["interpreters"] for thread in interpreter["threads"]]


def thread_of(report, tid):
    return next(thread for thread in all_threads(report) if thread["tid"] == tid)


def reported_threads(threads):
    """The threads of a report by kernel thread id, as far as a truth speaks of them."""
    return {thread["tid"]: {"name": thread["name"], "main": thread["main"], "truncated": thread["truncated"],
                            "frames": [{key: frame[key] for key in ("function", "qualified_name", "file", *PLACE, "owner")}
                                       for frame in thread["frames"]]}
            for thread in threads}


def differences(threads, truth):
    """Every difference between the threads of a report and a truth, as short texts. The recorder is not compared."""
    found, wanted = reported_threads(threads), expected_threads(truth)
    assert len(found) == len(threads), "two threads have one id: %r" % [(thread["tid"], thread["name"]) for thread in threads]
    found.pop(truth["recorder"], None)
    texts = ["thread %d %r is missing" % (tid, wanted[tid]["name"]) for tid in wanted.keys() - found.keys()]
    texts += ["thread %d %r is too much" % (tid, found[tid]["name"]) for tid in found.keys() - wanted.keys()]
    for tid in wanted.keys() & found.keys():
        texts += ["thread %d %a: %s" % (tid, wanted[tid]["name"], text) for text in thread_differences(found[tid], wanted[tid])]
    return sorted(texts)


def thread_differences(found, wanted):
    for key in ("name", "main", "truncated"):
        if found[key] != wanted[key]:
            yield "%s is %a, not %a" % (key, found[key], wanted[key])
    yield from frame_differences(found["frames"], wanted["frames"])


def frame_differences(found, wanted):
    if len(found) != len(wanted):
        yield "%d frames, not %d" % (len(found), len(wanted))
    for depth, (one, other) in enumerate(zip(found, wanted)):
        if one != other:
            wrong = ["%s %a, not %a" % (key, one[key], other[key]) for key in one if one[key] != other[key]]
            yield "frame %d: %s" % (depth, ", ".join(wrong))
            return

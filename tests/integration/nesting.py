"""Which C frame runs which functions of nested.py, as the program is written: before 3.11 CPython runs one Python frame in each."""
EVALUATOR = "_PyEval_EvalFrameDefault"
FUNCTIONS = ["park", "leaf", "called_by_sorted", "sorts", "called_by_reduce", "reduces", "nested"]
CALLED_BY_C = ["called_by_sorted", "called_by_reduce"]


def shared(release):
    """The functions of each C frame that runs any of them, newest first."""
    groups = [[]]
    for function in FUNCTIONS:
        groups[-1].append(function)
        if release < (3, 11) or function in CALLED_BY_C:
            groups.append([])
    return [group for group in groups if group]


def running(names, release):
    """{level of a C frame: the functions that it runs}; names are those of all C frames of the thread, newest first, or of some of them."""
    evaluators = [level for level, name in enumerate(names) if name and name.startswith(EVALUATOR)]
    return dict(zip(evaluators, shared(release)))


def expected(runs, level):
    """The function on whose behalf the C frame of this level runs: the newest of the next older C frame that runs any; None: none of ours."""
    return next((runs[one][0] for one in sorted(runs) if one >= level), None)


def levels_around(runs):
    """The C frames that run Python, those that were called by them, and those that called them."""
    return sorted({level for one in runs for level in (one - 1, one, one + 1) if level >= 0})

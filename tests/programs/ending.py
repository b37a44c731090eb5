"""ending.py TRUTH atexit|shutdown: a main thread that has left its program, and an interpreter that has begun to end."""
import atexit
import sys

from parking import park, run

if __name__ == "__main__":
    if sys.argv[2] == "atexit":
        atexit.register(park)
        run(park, main=lambda: None)
    else:
        # The main thread waits for a thread that is no daemon; it does not park.
        run(park, main=lambda: None, others=-1, daemon=False)

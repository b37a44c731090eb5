"""Runs the fuzzer on all recordings of a folder: run.py FUZZ_RUN SECONDS FOLDER"""
import os
import sys
from pathlib import Path

runner, seconds, folder = sys.argv[1:]
os.execv(runner, [runner, seconds, *sorted(map(str, Path(folder).glob("*.recording")))])

"""Runs code of the JIT all the time, where this Python has one that is enabled."""
import os
import sys


def mix(count):
    total = 0
    for number in range(count):
        total ^= number
        total += 1
    return total


def main():
    total = 0
    while True:
        total += mix(500)


jit = getattr(sys, "_jit", None)
print(os.getpid(), bool(jit and jit.is_enabled()), flush=True)
main()

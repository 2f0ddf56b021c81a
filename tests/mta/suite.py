"""Tests that share the servers they work on: registered, chosen, run and told as TAP.

A test is a function of the site, which is whatever the program of tests makes it; it fails by
raising an exception. What a site has for the suite:

    sources()   everything that keeps a log, with a method log()
    ready()     if there is one, it is called before each test
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
import traceback

from machine import MachineError
from tap import comment


class Suite:
    """The tests of a program; `description` is the program's, its first line is the usage."""

    def __init__(self, description):
        self.tests = []
        self.parser = argparse.ArgumentParser(description=description.splitlines()[0])
        self.parser.add_argument("-k", metavar="WORD", default="")
        self.parser.add_argument("-v", action="store_true")

    def test(self, function):
        """Marks a test; its name is the first line of its description."""
        return self.add(first_line(function), function)

    def add(self, name, function):
        """Adds a test of that name; returns the function."""
        self.tests.append((name, function))
        return function

    def main(self, make_site):
        """Runs the tests that the command line chooses, on make_site(options, stack); what the
        site starts it puts on the stack, to be ended. Returns the exit status."""
        options = self.parser.parse_args()
        selected = [(name, function) for name, function in self.tests
                    if options.k in name or options.k in function.__name__]
        print(f"1..{len(selected)}", flush=True)
        try:
            with tidy() as stack:
                failures = run(make_site(options, stack), selected, options.v)
        except (MachineError, OSError, subprocess.SubprocessError) as problem:
            comment(str(problem))
            print("not ok 1 - start the servers")
            print("0 passed, 1 failed")
            return 1
        print(f"{len(selected) - failures} passed, {failures} failed")
        return 1 if failures or not selected else 0


@contextlib.contextmanager
def tidy():
    """An ExitStack for everything that is started as root: it is ended whatever happens, on
    Ctrl-C and SIGTERM too, and nothing may interrupt that."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    stack = contextlib.ExitStack()
    try:
        if os.geteuid() != 0:
            raise MachineError("must run as root, as mail servers must")
        yield stack
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        stack.close()


def first_line(function):
    """What a test's description begins with."""
    return function.__doc__.strip().splitlines()[0].rstrip(".")


def run(site, selected, verbose):
    """Runs the tests and prints their results; returns the number of failures."""
    failures = 0
    for number, (name, function) in enumerate(selected, 1):
        start = time.monotonic()
        marks = {source: len(source.log()) for source in site.sources()}
        try:
            getattr(site, "ready", bool)()
            function(site)
            result = "ok"
        except Exception as problem:  # a failed test must not keep the others from running
            result = "not ok"
            failures += 1
            explain_failure(problem)
            if verbose:
                for source in site.sources():
                    comment(source.log()[marks.get(source, 0):])
        print(f"{result} {number} - {name} ({time.monotonic() - start:.1f} s)", flush=True)
    return failures


def explain_failure(problem):
    """Prints a failure as comment lines: where, and what."""
    for frame in traceback.extract_tb(problem.__traceback__):
        if frame.name != "run":
            comment(f"{os.path.basename(frame.filename)}:{frame.lineno}: {frame.line}")
    comment(f"{type(problem).__name__}: {problem}")

"""Tests that build upon each other: one that all later ones need ends them if it fails."""

import os
import shutil
import subprocess
import sys
import tempfile
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path += [os.path.join(ROOT, "tests"), os.path.join(ROOT, "tests", "mta")]
from suite import tidy  # noqa: E402
from tap import check, finish  # noqa: E402


class Broken(Exception):
    """What comes next makes no sense any more."""


def need(name, passed, detail=""):
    """check() that all later tests build upon."""
    if not check(name, passed, detail):
        raise Broken(name)


def call(*words, **options):
    """Runs a program of this machine to its end."""
    options = {"timeout": 900, "stdin": subprocess.DEVNULL, **options}
    if "input" in options:
        del options["stdin"]
    return subprocess.run(words, text=True, errors="replace", capture_output=True, check=False,
                          **options)


def run(test, *programs):
    """Calls test(folder, stack) as root, with these programs needed and a new folder that is
    removed at the end; what it starts it puts on the stack. Returns the exit status."""
    missing = [program for program in programs if shutil.which(program) is None]
    try:
        need("the programs to build and try a package are there", not missing, missing)
        with tidy() as stack:
            folder = tempfile.mkdtemp(prefix="whybounce-package-", dir="/var/tmp")
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            os.chmod(folder, 0o755)
            test(folder, stack)
    except Exception:
        check("the tests go on to the end", False, traceback.format_exc())
    return finish()

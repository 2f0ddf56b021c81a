"""Results of tests as TAP, the Test Anything Protocol: `ok N - name`, the plan at the end.

A program of tests calls check() for each of them and ends with sys.exit(finish()).
"""

import traceback

LINES = 30  # of a detail; of a longer one its first and its last lines are shown
WIDTH = 1000  # of a line

_counts = {True: 0, False: 0}


def check(name, passed, detail=""):
    """Prints one result, with the detail (a list of things, or one) if it failed."""
    passed = bool(passed)
    _counts[passed] += 1
    print(f"{'ok' if passed else 'not ok'} {sum(_counts.values())} - {name}", flush=True)
    if not passed:
        things = detail if isinstance(detail, list) else [detail]
        lines = "\n".join(map(str, things)).splitlines()
        if len(lines) > LINES:
            lines[LINES // 2:-LINES // 2] = ["..."]
        comment("\n".join("  " + line[:WIDTH] for line in lines))
    return passed


def comment(text):
    """Prints lines that are no results."""
    for line in text.splitlines():
        print(f"# {line}", flush=True)


def told(result):
    """What a program said and how it ended, of a subprocess.CompletedProcess."""
    said = [part.decode("utf-8", "replace") if isinstance(part, bytes) else part or ""
            for part in (result.stderr, result.stdout)]
    return f"exit status {result.returncode}\n{''.join(said)}"


def attempt(function, *words):
    """Calls a function that makes checks. If it breaks, that is a failed test of its own, and
    False is returned."""
    try:
        function(*words)
    except Exception:
        return check(f"{function.__name__} breaks", False, traceback.format_exc())
    return True


def finish():
    """Prints the plan; returns the exit status."""
    print(f"1..{sum(_counts.values())}", flush=True)
    return 1 if _counts[False] else 0

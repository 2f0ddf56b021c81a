#!/usr/bin/env python3
"""Memory that runs out at every single allocation, and valgrind.

usage: test_memory.py WHYBOUNCE WHYBOUNCED FAILMALLOC

FAILMALLOC is the shared object made from failmalloc.c; the milter client milter_load is looked
for in the folder `milter` beside its own. Prints `ok N - name` or `not ok N - name` a test, exits
1 if any failed. Needs root, as the daemon then runs as the user nobody. Settings of this machine
are never read.
"""

import mmap
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "mta"))

from daemon import Daemon  # noqa: E402
from tap import check, comment, finish  # noqa: E402

MAILS = ["postfix-unknown", "yahoo", "html-only", "exchange-2016", "not-ordinary"]
SETTINGS = 'hostname = "mail.example.org"\nlanguage = "en"\n' \
    'languages = { "*.de = de", "*.pl = pl" }\n'
TIMEOUT = 20  # seconds a program may take


def judge(name, faults, figures=""):
    """Prints one result; it passed if there are no faults. Figures follow as a comment."""
    check(name, not faults, faults[:12])
    comment(figures)


def corpus(name):
    """The path of a sample mail."""
    return os.path.join(ROOT, "tests", "corpus", name + ".eml")


def read(path):
    """A file's bytes."""
    with open(path, "rb") as file:
        return file.read()


class Tally:
    """The file that failmalloc.c keeps its figures in, mapped."""

    FIELDS = {"count": "Q", "at": "Q", "from": "Q", "failed": "Q", "live": "q"}

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as file:
            file.truncate(8 * len(self.FIELDS))
        os.chmod(path, 0o666)
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8 * len(self.FIELDS))

    def __getitem__(self, field):
        return struct.unpack_from(self.FIELDS[field], self._map, 8 * self._place(field))[0]

    def __setitem__(self, field, value):
        struct.pack_into(self.FIELDS[field], self._map, 8 * self._place(field), value)

    def _place(self, field):
        return list(self.FIELDS).index(field)


def told(status):
    """An exit status in words."""
    return signal.Signals(-status).name if status < 0 else f"status {status}"


# --- whybounce filter

def run_filter(program, shared, tally, settings, mail, **fail):
    """One run; returns status, output, standard error."""
    env = dict(os.environ, LD_PRELOAD=shared, FAIL_FILE=tally.path, LC_ALL="C")
    env.update({name: str(value) for name, value in fail.items()})
    try:
        done = subprocess.run([program, "filter", "-c", settings], input=mail, env=env,
                              capture_output=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return "no end", b"", b""
    return done.returncode, done.stdout, done.stderr


def test_filter(program, shared, folder):
    """Each allocation fails in turn, alone and with all after it; the mail must come out."""
    tally = Tally(os.path.join(folder, "filter.tally"))
    settings = os.path.join(folder, "filter.conf")
    with open(settings, "w") as file:
        file.write(SETTINGS)
    for name in MAILS:
        mail = read(corpus(name))
        status, annotated, _ = run_filter(program, shared, tally, settings, mail)
        total = tally["count"]
        changed = annotated != mail
        judge(f"filter, {name}: without failures it is {'annotated' if changed else 'copied'}",
              [] if status == 0 and changed == (not name.startswith("not-")) and total > 0 else
              [f"status {status}, {total} allocations"])
        for kind in ("FAIL_AT", "FAIL_FROM"):
            faults, outcomes = [], Counter()
            for n in range(1, total + 1):
                status, output, errors = run_filter(program, shared, tally, settings, mail,
                                                    **{kind: n})
                outcome = ("annotated" if output == annotated and changed else
                           "untouched" if output == mail else f"{len(output)} other bytes")
                outcomes[outcome] += 1
                said = errors.decode(errors="replace").strip()[:150]
                if status != 0 or outcome not in ("annotated", "untouched"):
                    faults.append(f"{kind}={n} of {total}: {outcome}, "
                                  f"{told(status) if status != 'no end' else status}: {said}")
                elif tally["failed"] == 0:
                    faults.append(f"{kind}={n} of {total}: nothing failed")
            figures = ", ".join(f"{n} {what}" for what, n in sorted(outcomes.items()))
            what = "one allocation" if kind == "FAIL_AT" else "an allocation and all after it"
            judge(f"filter, {name}: {what} fails", faults, f"{total} runs: {figures}")


# --- whybounce show, explain

def test_commands(program, shared, folder):
    """Each allocation fails in turn: the whole answer comes, or an error in words.

    libconfuse aborts the program where it has no memory for its own tables; it says so.
    """
    tally = Tally(os.path.join(folder, "commands.tally"))
    settings = os.path.join(folder, "commands.conf")
    with open(settings, "w") as file:
        file.write(SETTINGS)
    for command in (["show", "--json", "-c", settings, corpus(MAILS[0])],
                    ["explain", "-c", settings, "552 5.2.2 Mailbox full"]):
        def run(**fail):
            env = dict(os.environ, LD_PRELOAD=shared, FAIL_FILE=tally.path, LC_ALL="C", **fail)
            return subprocess.run([program, *command], env=env, capture_output=True,
                                  timeout=TIMEOUT)
        wanted = run()
        total = tally["count"]
        for kind in ("FAIL_AT", "FAIL_FROM"):
            faults, whole = [], 0
            for n in range(1, total + 1):
                done = run(**{kind: str(n)})
                if done.returncode == 0 and done.stdout == wanted.stdout:
                    whole += 1
                elif (done.returncode <= 0 and done.returncode != -signal.SIGABRT or
                      not done.stderr.strip()):
                    faults.append(f"{kind}={n} of {total}: {told(done.returncode)}, "
                                  f"{len(done.stdout)} bytes, {done.stderr[:150]}")
            what = "one allocation" if kind == "FAIL_AT" else "an allocation and all after it"
            judge(f"{command[0]}: {what} fails", faults if total > 0 else ["no allocation"],
                  f"{total} runs: {whole} with the whole answer")


# --- whybounced

class FailingDaemon(Daemon):
    """A daemon with failmalloc.c preloaded; `tally` steers it while it runs."""

    def __init__(self, program, shared):
        super().__init__(program, settings={"language": "en"})
        self._shared = os.path.join(self.directory, "failmalloc.so")
        shutil.copy(shared, self._shared)
        os.chmod(self._shared, 0o755)
        self.tally = Tally(os.path.join(self.directory, "tally"))

    def command(self):
        return ["env", f"LD_PRELOAD={self._shared}", f"FAIL_FILE={self.tally.path}",
                *super().command()]

    def settle(self):
        """Waits until it allocates nothing more, and returns the blocks in use."""
        seen, since = None, time.monotonic()
        end = since + 5
        while time.monotonic() < min(end, since + 0.02):
            now = (self.tally["count"], self.tally["live"])
            if now != seen:
                seen, since = now, time.monotonic()
            time.sleep(0.002)
        return self.tally["live"]

    def fail_in(self, n, kind="at"):
        """Lets the nth allocation from now fail, 0: none."""
        self.tally["at"] = self.tally["from"] = 0
        self.tally["failed"] = 0
        if n > 0:
            self.tally[kind] = self.tally["count"] + n


class Client:
    """Sends one mail after another with milter_load."""

    def __init__(self, program, daemon, folder):
        self._program = program
        self._socket = f"unix:{daemon.socket_path}"
        self._folder = os.path.join(folder, "saved")
        os.makedirs(self._folder)

    def send(self, name):
        """The mail as it comes out with its decisive reply, or None and why there was none."""
        saved = os.path.join(self._folder, name + ".eml")
        if os.path.exists(saved):
            os.remove(saved)
        done = subprocess.run([self._program, "-s", self._socket, "-n", "1", "-t", "10",
                               "-e", "accept", "--save", self._folder, corpus(name)],
                              capture_output=True, text=True, timeout=60)
        if done.returncode != 0 or not os.path.exists(saved):
            return None, (done.stderr.strip() or done.stdout.strip())[:200]
        return read(saved), "accept"

    def crowd(self, name):
        """Sends many mails at once."""
        subprocess.run([self._program, "-s", self._socket, "-n", "64", "-c", "8", corpus(name)],
                       check=True, capture_output=True, timeout=60)


def fail_each(daemon, client, name, kind, wanted, next_mail):
    """Fails each allocation for one mail; returns faults, figures and the blocks it left."""
    untouched = read(corpus(name)).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    faults, outcomes = [], Counter()
    before = daemon.settle()
    n = 0
    while daemon.running() and n < 2000:
        n += 1
        daemon.fail_in(n, kind)
        result, why = client.send(name)
        daemon.settle()
        failed = daemon.tally["failed"]
        daemon.fail_in(0)
        if failed == 0:
            break
        # Without an answer the mail server does as its default_action says.
        outcome = ("no answer" if result is None else
                   "annotated" if result == wanted[name] != untouched else
                   "untouched" if result == untouched else
                   "begun" if only_begun(untouched, result, wanted[name]) else
                   "otherwise")
        outcomes[outcome] += 1
        if outcome == "otherwise" or (outcome == "begun" and kind == "at"):
            faults.append(f"{kind} {n}: neither untouched nor annotated:\n" +
                          difference(untouched, result))
        if outcome == "no answer" and not any(
                end in why for end in ("closed the connection", "Broken pipe", "reset by peer")):
            faults.append(f"{kind} {n}: {why}")
        following, why = client.send(next_mail)
        if following != wanted[next_mail]:
            faults.append(f"{kind} {n}: the next mail is not annotated: {why}")
    after = daemon.settle()
    if not daemon.running():
        faults.append(f"the daemon ended at {kind} {n}: {last_line(daemon)}")
        daemon.start()
        after = before
    figures = ", ".join(f"{n} {what}" for what, n in sorted(outcomes.items()))
    return faults, f"{n - 1} mails: {figures}; blocks in use {before}, then {after}", after - before


def test_daemon(program, shared, folder):
    """Each allocation that a mail needs fails in turn; the next mail is annotated all the same."""
    load = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(shared))),
                        "milter", "milter_load")
    with FailingDaemon(program, shared) as daemon:
        client = Client(load, daemon, folder)
        wanted = {}
        for name in MAILS:
            wanted[name], why = client.send(name)
            untouched = read(corpus(name)).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            bounce = not name.startswith("not-")
            judge(f"daemon, {name}: without failures", [] if wanted[name] is not None and
                  (wanted[name] != untouched) == bounce else [why])
        next_mail = MAILS[0]
        client.crowd(next_mail)
        for name in MAILS:
            for kind in ("at", "from"):
                faults, figures, left = fail_each(daemon, client, name, kind, wanted, next_mail)
                # Some blocks are made once and kept: by the C library, for the stacks of
                # threads that ended, for a rule that was tried for the first time. A leak
                # shows again.
                if left > 0 and not faults:
                    again = fail_each(daemon, client, name, kind, wanted, next_mail)
                    faults += again[0]
                    if again[2] > 0:
                        faults.append(f"{left} blocks leaked, then {again[2]}")
                what = "one allocation" if kind == "at" else "an allocation and all after it"
                judge(f"daemon, {name}: {what} fails", faults, figures)
        test_reload(daemon, client, next_mail, wanted[next_mail])
        status = daemon.terminate()
        judge("daemon: ends in good order afterwards", [] if status == 0 else [told(status)])


def last_line(daemon):
    """What the daemon, or the C library, said last."""
    return (daemon.log().strip().splitlines() or [""])[-1]


def header_and_body(mail):
    """The lines of the header, unfolded, and the body."""
    header, _, body = mail.partition(b"\r\n\r\n")
    return header.replace(b"\r\n\t", b"\t").replace(b"\r\n ", b" ").split(b"\r\n"), body


def only_begun(untouched, result, wanted):
    """Are some, not all, of our fields added, and nothing else changed?

    libmilter takes memory for each field that it sends, and what it has sent cannot be taken
    back; the mail is still whole.
    """
    fields, body = header_and_body(untouched)
    have, have_body = header_and_body(result)
    want, _ = header_and_body(wanted)
    ours = [field for field in have if field.startswith(b"Bounce-")]
    return (have_body == body and [field for field in have if field not in ours] == fields and
            0 < len(ours) < sum(field.startswith(b"Bounce-") for field in want) and
            all(field in want for field in ours))


def difference(before, after):
    """The lines that are new in a mail, and those that are gone."""
    old, new = before.split(b"\r\n"), after.split(b"\r\n")
    lines = [b"+" + line for line in new if line not in old]
    lines += [b"-" + line for line in old if line not in new]
    return b"\n".join(lines[:8]).decode(errors="replace")


def test_reload(daemon, client, name, wanted):
    """Each allocation of a reload fails in turn; the old settings or the new ones hold.

    libconfuse ends its process when memory is used up, so a reload is tried in another process
    first. That is what this tests: the first half of the allocations.
    """
    daemon.signal(signal.SIGUSR1)
    time.sleep(0.2)
    daemon.settle()
    start = daemon.tally["count"]
    daemon.signal(signal.SIGUSR1)
    time.sleep(0.2)
    daemon.settle()
    last = (daemon.tally["count"] - start) // 2 - 4
    for kind in ("at", "from"):
        faults, n = [], 0
        while daemon.running() and n < last:
            n += 1
            daemon.fail_in(n, kind)
            count = daemon.tally["count"]
            daemon.signal(signal.SIGUSR1)
            end = time.monotonic() + 1
            while daemon.tally["count"] == count and time.monotonic() < end:
                time.sleep(0.001)
            daemon.settle()
            failed = daemon.tally["failed"]
            daemon.fail_in(0)
            if failed == 0:
                break
            following, why = client.send(name)
            if following != wanted:
                faults.append(f"{kind} {n}: the next mail is not annotated: {why}")
        if not daemon.running():
            faults.append(f"the daemon ended at {kind} {n}: {last_line(daemon)}")
            daemon.start()
        what = "one allocation" if kind == "at" else "an allocation and all after it"
        judge(f"daemon: {what} of a reload fails", faults,
              f"{n} of {2 * last} allocations")


# --- valgrind

def test_valgrind(program, folder):
    """No bad access, nothing uninitialised, nothing lost."""
    settings = os.path.join(folder, "valgrind.conf")
    with open(settings, "w") as file:
        file.write(SETTINGS)
    cases = [("filter, " + name, ["filter", "-c", settings], name)
             for name in ("postfix-unknown", "yahoo", "exchange-2016", "not-ordinary")]
    cases += [("show --json", ["show", "--json", "-c", settings, *map(corpus, MAILS)], None),
              ("explain", ["explain", "-c", settings, "-l", "de", "552 5.2.2 Mailbox full",
                           "421"], None),
              ("explain --html", ["explain", "-c", settings, "--html",
                                  "550 5.1.1 <user@example.org>: User unknown"], None)]
    for title, arguments, name in cases:
        command = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full",
                   "--errors-for-leak-kinds=definite,indirect,possible", program, *arguments]
        try:
            done = subprocess.run(command, input=read(corpus(name)) if name else b"",
                                  capture_output=True, timeout=120)
        except OSError as error:
            judge(f"valgrind: {title}", [error])
            continue
        faults = [done.stderr.decode(errors="replace")] if done.returncode != 0 else []
        if not done.stdout:
            faults.append("no output")
        judge(f"valgrind: {title}", faults)


def main(arguments):
    """Runs all tests; returns the exit status."""
    if len(arguments) != 3:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    program, daemon, shared = map(os.path.abspath, arguments)
    folder = tempfile.mkdtemp(prefix="whybounce-memory-")
    try:
        for test, given in ((test_filter, (program, shared, folder)),
                            (test_commands, (program, shared, folder)),
                            (test_daemon, (daemon, shared, folder)),
                            (test_valgrind, (program, folder))):
            start = time.monotonic()
            try:
                test(*given)
            except Exception:  # one that breaks is one failed test
                judge(test.__name__, [traceback.format_exc()])
            print(f"#   {test.__name__}: {time.monotonic() - start:.0f} s")
    finally:
        shutil.rmtree(folder)
    return finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

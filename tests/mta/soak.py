#!/usr/bin/env python3
"""Soak: thousands of bounces through a real Postfix while the daemon is broken in every way.

usage: soak.py [-n MAILS] [-a accept|tempfail] [-v] [PROGRAM]

    -n MAILS   how many bounces at least; $SOAK_MAILS, otherwise 5000. Below 1000 it is a short
               run, with few connections
    -a ACTION  Postfix's default_action for the milter; "accept" if not given
    -v         at the end, what the daemon logged
    PROGRAM    the daemon; build/whybounced if not given

Several connections hand over numbered bounces as fast as Postfix takes them. Meanwhile the
daemon is killed with -9, stopped with SIGSTOP, its socket is removed, it is ended in good
order, its settings are read again, good ones and bad ones, and the disk that its metrics are
written to is full. There are more bounces than MAILS if every fault has not come yet. At the
end each bounce must lie in the mailbox exactly once, explained or not, and besides the
explanation be byte for byte what was sent.

With default_action=accept Postfix itself can spoil a mail: if a milter is killed after its new
body and before its next packet, Postfix takes the mail, but has not ended the body in its queue
file; it finds that later and moves the file to its queue "corrupt". A daemon that was killed
cannot prevent that. Such mails are named and stay where they are, and only one is borne with
for each kill -9; with tempfail none is. A mail that lies in no queue and no mailbox is lost.

Must run as root, with Postfix installed. Prints TAP, and exits 1 if anything failed.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import os
import pwd
import shutil
import signal
import smtplib
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from daemon import PROGRAM, USER, Daemon  # noqa: E402
from machine import MachineError, make_directory, wait_until  # noqa: E402
from mailparts import compare  # noqa: E402
from numbered import (RECIPIENT, delivered, make_bounce, number_of,  # noqa: E402
                      queue_files)
from postfix import PrivatePostfix  # noqa: E402
from suite import tidy  # noqa: E402
from tap import check, comment, finish  # noqa: E402

CONNECTIONS = 6
FEW_CONNECTIONS = 2
MAILS_A_CONNECTION = 10  # Postfix does without a milter that failed until the connection ends
PATIENCE = {"connect_timeout": "1s", "command_timeout": "2s", "content_timeout": "2s"}
TRIES = 200  # so often a mail is offered again after a temporary refusal


class Disk:
    """A disk of 64 kB for the metrics, that can be filled; /dev/full if none can be mounted."""

    def __init__(self):
        self.directory = make_directory("private-disk-", USER)
        self.metrics = os.path.join(self.directory, "whybounced.prom")
        user = pwd.getpwnam(USER)
        options = f"size=64k,mode=755,uid={user.pw_uid},gid={user.pw_gid}"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.directory],
                              capture_output=True)
        self.mounted = done.returncode == 0
        if not self.mounted:
            self.metrics = "/dev/full"

    def fill(self):
        """Not a byte is left, and what was written before is gone."""
        if not self.mounted:
            return
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.metrics)
        with contextlib.suppress(OSError), \
                open(os.path.join(self.directory, "filler"), "wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)

    def empty(self):
        """There is space again."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.directory, "filler"))

    def has_metrics(self):
        """The daemon has written them; without a disk of our own nobody can tell."""
        try:
            return not self.mounted or os.stat(self.metrics).st_size > 0
        except FileNotFoundError:
            return False

    def remove(self):
        """Unmounts it."""
        if self.mounted:
            subprocess.run(["umount", self.directory], capture_output=True)
        if not os.path.ismount(self.directory):
            shutil.rmtree(self.directory, ignore_errors=True)


class Faults:
    """What is done to the daemon, one after the other, until finish() and all were done.

    counts     {name: how often it was done}
    problems   what should not have happened meanwhile
    """

    def __init__(self, daemon, disk):
        self.daemon, self.disk = daemon, disk
        self.counts, self.problems = collections.Counter(), []
        self.faults = (self.kill, self.reload_good, self.stop, self.reload_bad,
                       self.remove_socket, self.kill, self.full_disk, self.end)
        self.all_done, self._enough = threading.Event(), threading.Event()

    def finish(self):
        """No more faults after those that are under way."""
        self._enough.set()

    def run(self):
        """Does them in turn; afterwards the daemon runs."""
        try:
            while not self._enough.is_set():
                for fault in self.faults:
                    if self.all_done.is_set() and self._enough.is_set():
                        break
                    if not self.daemon.running():
                        self.problem("it ended by itself")
                        self.daemon.start()
                    fault()
                    self.counts[fault.__name__.replace("_", " ")] += 1
                    self._enough.wait(0.5)
                self.all_done.set()
        except Exception as problem:
            self.problem(f"{type(problem).__name__}: {problem}")
        finally:
            self.all_done.set()
            self.daemon.signal(signal.SIGCONT)
            self.disk.empty()

    def problem(self, text):
        """Notes what should not have happened."""
        self.problems.append(text)
        comment(text)

    def kill(self):
        """kill -9 three times; the socket's file stays."""
        for _ in range(3):
            self.daemon.kill()
            time.sleep(0.1)
            self.daemon.start()
            time.sleep(0.5)

    def stop(self):
        """SIGSTOP, for longer than Postfix waits."""
        self.daemon.signal(signal.SIGSTOP)
        time.sleep(3)
        self.daemon.signal(signal.SIGCONT)

    def remove_socket(self):
        """The socket's file is gone while the daemon runs; then it is killed and restarted."""
        os.unlink(self.daemon.socket_path)
        time.sleep(1)
        self.daemon.kill()
        self.daemon.start()

    def end(self):
        """Ended in good order and started again."""
        status = self.daemon.terminate(40)
        if status != 0:
            self.problem(f"exit status {status} after SIGTERM")
        self.daemon.start()

    def reload_good(self):
        """Other settings, twelve times in a row."""
        for language in ("pl", "de", "ja", "en") * 3:
            self.daemon.settings["language"] = language
            self.daemon.write_settings()
            self.daemon.signal(signal.SIGUSR1)
            time.sleep(0.05)

    def reload_bad(self):
        """Faulty settings: the log says so, and it runs on with the old ones."""
        before = len(self.daemon.log())
        for text in ("no_such_option = 1\n", 'language = "en\n', "\0\0\0", 'annotate = {"\n'):
            self.daemon.write_settings(text)
            self.daemon.signal(signal.SIGUSR1)
            time.sleep(0.2)
        self.daemon.write_settings()
        if not wait_until(lambda: "whybounced.conf:1" in self.daemon.log()[before:], 5):
            self.problem("nothing was said about faulty settings")

    def full_disk(self):
        """The disk for the metrics is full until the log says so; later they are written.
        That takes mail: when the last one is sent nothing of it is asked for."""
        before = len(self.daemon.log())
        self.disk.fill()
        if not wait_until(lambda: self._enough.is_set()
                          or self.disk.metrics in self.daemon.log()[before:], 20):
            self.problem("nothing was said about a full disk")
        if self.disk.mounted and self.disk.has_metrics():
            self.problem("metrics were written to a full disk")
        self.disk.empty()
        if not wait_until(lambda: self._enough.is_set() or self.disk.has_metrics(), 20):
            self.problem("no metrics after the disk had space again")


class Senders:
    """Hand over bounces until there are enough.

    sent      numbers that Postfix has taken
    refused   how many temporary refusals there were
    """

    def __init__(self, postfix, mails, faults):
        self.postfix, self.mails, self.faults = postfix, mails, faults
        self.sent, self.refused = [], 0
        self.connections = CONNECTIONS if mails >= 1000 else FEW_CONNECTIONS
        self._next, self._lock, self._stop = 0, threading.Lock(), False

    def run(self):
        """Sends on all connections; returns when all mails are taken."""
        with concurrent.futures.ThreadPoolExecutor(self.connections) as pool:
            senders = [pool.submit(self._send) for _ in range(self.connections)]
            try:
                for sender in concurrent.futures.as_completed(senders):
                    sender.result()
            except BaseException:
                self._stop = True
                raise

    def _number(self):
        with self._lock:
            if self._stop or (self._next >= self.mails and self.faults.all_done.is_set()):
                return None
            self._next += 1
            if self._next % 1000 == 0:
                comment(f"{self._next} sent")
            return self._next

    def _send(self):
        client, left = None, 0
        while (number := self._number()) is not None:
            for attempt in range(TRIES):
                try:
                    if left == 0:
                        self._close(client)
                        client, left = self.postfix.connect(), MAILS_A_CONNECTION
                    left -= 1
                    self.postfix.send(client, make_bounce(number), "", [RECIPIENT])
                    break
                except smtplib.SMTPResponseException as refused:
                    left = 0  # what a milter has refused once Postfix goes on refusing
                    if refused.smtp_code // 100 != 4 or attempt == TRIES - 1:
                        raise
                    with self._lock:
                        self.refused += 1
                    time.sleep(0.2)
            with self._lock:
                self.sent.append(number)
        self._close(client)

    @staticmethod
    def _close(client):
        if client is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.quit()


class Result:
    """What has arrived, and how."""

    def __init__(self, postfix, sent):
        self.times = collections.Counter()
        self.damaged, self.kinds = [], collections.Counter()
        for mail in delivered(postfix):
            number = number_of(mail)
            self.times[number] += 1
            try:
                found = compare(make_bounce(number), mail)
            except Exception as problem:
                self.damaged.append(f"{number}: {problem}")
                continue
            self.kinds["explained" if found.causes and found.text else
                       "header only" if found.causes or found.titles else
                       "as it was"] += 1
        self.missing = sorted(set(sent) - set(self.times))
        self.twice = sorted(number for number, times in self.times.items() if times > 1)
        self.unknown = sorted(set(self.times) - set(sent), key=str)
        self.left = {name: queue_files(postfix, name)
                     for name in ("maildrop", "incoming", "active", "deferred", "hold",
                                  "corrupt")}


def soak(options, stack):
    """Runs it."""
    disk = Disk()
    stack.callback(disk.remove)
    daemon = stack.enter_context(Daemon(options.program,
                                        settings={"metrics_file": disk.metrics}))
    postfix = stack.enter_context(PrivatePostfix(
        milter=daemon.milter, milter_options={"default_action": options.action, **PATIENCE},
        settings={"smtpd_error_sleep_time": "0", "smtpd_soft_error_limit": "1000",
                  "smtpd_hard_error_limit": "1000"}))
    faults = Faults(daemon, disk)
    senders = Senders(postfix, options.mails, faults)
    if not disk.mounted:
        comment("no tmpfs can be mounted here: the metrics go to /dev/full")
    start = time.monotonic()
    breaking = threading.Thread(target=faults.run, daemon=True)
    breaking.start()
    try:
        senders.run()
    finally:
        faults.finish()
        breaking.join(120)
    took = time.monotonic() - start
    idle = wait_until(lambda: all(postfix.queue_empty() for _ in range(3)), 120, 0.5)
    comment(f"the queues were empty {time.monotonic() - start - took:.1f} s after the last")
    result = Result(postfix, senders.sent)
    judge(options, daemon, faults, senders, result, idle, took)


def judge(options, daemon, faults, senders, result, idle, took):
    """Prints figures and results."""
    number = len(senders.sent)
    left = {name: len(files) for name, files in result.left.items()}
    corrupt = result.left["corrupt"]
    kills = 3 * faults.counts["kill"] + faults.counts["remove socket"]
    comment(f"{number} bounces sent in {took:.1f} s, {number / took:.0f} a second, on "
            f"{senders.connections} connections, default_action={options.action}; "
            f"{senders.refused} temporary refusals")
    comment("faults: " + ", ".join(f"{name} {count}" for name, count in faults.counts.items())
            + f"; kill -9: {kills}")
    comment(f"arrived {sum(result.times.values())}: "
            + ", ".join(f"{name} {count}" for name, count in sorted(result.kinds.items())))
    comment("left in queues: " + ", ".join(f"{name} {count}" for name, count in left.items()))
    for name, bounce in corrupt.items():
        comment(f"corrupt: queue file {name}, bounce {bounce}")
    lost = [number for number in result.missing if number not in corrupt.values()]
    bearable = kills if options.action == "accept" else 0
    check(f"{number} bounces were taken by Postfix", number >= options.mails)
    arrived = number - len(result.missing)
    check(f"none is lost: of {number}, {arrived} arrived, {len(result.missing) - len(lost)} lie "
          "spoiled in Postfix's queue corrupt", not lost, [f"missing: {lost}"])
    check(f"Postfix has spoiled {len(corrupt)}; with {kills} kill -9 and {options.action}, "
          f"{bearable} are borne with",
          len(corrupt) <= bearable, [corrupt])
    check("none came twice", not result.twice and not result.unknown,
          [f"twice: {result.twice}", f"never sent: {result.unknown}"])
    check("each is whole: byte for byte what was sent, besides the explanation",
          not result.damaged, [f"{len(result.damaged)} are damaged"] + result.damaged)
    check("nothing is left in a queue",
          idle and not any(count for name, count in left.items() if name != "corrupt"), [left])
    check(f"{result.kinds['explained']} are explained", result.kinds["explained"] > number // 5)
    check("the daemon has borne every fault",
          not faults.problems and len(faults.counts) == len(set(faults.faults)),
          faults.problems + [faults.counts])
    still = daemon.running() and daemon.terminate(40) == 0
    check("at the end it runs, and ends in good order",
          still and not os.path.exists(daemon.socket_path), [daemon.log()[-2000:]])
    if options.v:
        comment(daemon.log())


def main():
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", dest="mails", metavar="MAILS", type=int,
                        default=int(os.environ.get("SOAK_MAILS") or 5000))
    parser.add_argument("-a", dest="action", default="accept", choices=("accept", "tempfail"))
    parser.add_argument("-v", action="store_true")
    parser.add_argument("program", nargs="?", default=PROGRAM)
    options = parser.parse_args()
    try:
        with tidy() as stack:
            soak(options, stack)
    except (MachineError, OSError, smtplib.SMTPException) as problem:
        check("the soak goes on to the end", False, f"{type(problem).__name__}: {problem}")
    return finish()


if __name__ == "__main__":
    sys.exit(main())

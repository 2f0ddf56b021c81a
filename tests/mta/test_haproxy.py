#!/usr/bin/env python3
"""Three daemons behind HAProxy, one of them killed while bounces come.

usage: test_haproxy.py [-n MAILS] [PROGRAM]

    -n MAILS   how many bounces in each round; 400 if not given
    PROGRAM    the daemon; build/whybounced if not given

HAProxy runs with contrib/haproxy/haproxy.cfg, of which only the addresses are replaced. A
private Postfix takes numbered bounces on several SMTP connections, one mail each. In the middle
one daemon is killed with -9, and started again after HAProxy has noticed. There are two rounds:

    default_action=accept     each bounce arrives exactly once; those without explanation were
                              under way at the moment of the kill -9, at most one a connection
    default_action=tempfail   the same, but none is without explanation: what was under way is
                              refused for the moment and comes again

Postfix itself can spoil a mail when a milter is killed after its new body and before its next
packet (see soak.py): with accept one such mail in its queue "corrupt" is borne with.

Must run as root, with Postfix and HAProxy installed. Prints TAP, exits 1 if anything failed.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import csv
import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from daemon import PROGRAM, Daemon  # noqa: E402
from machine import (CHECKOUT, MachineError, Started, find_program, free_port,  # noqa: E402
                     make_directory, wait_until)
from mailparts import compare  # noqa: E402
from numbered import (RECIPIENT, delivered, make_bounce, number_of,  # noqa: E402
                      queue_files)
from postfix import PrivatePostfix  # noqa: E402
from suite import tidy  # noqa: E402
from tap import check, comment, finish, told  # noqa: E402

CONFIGURATION = os.path.join(CHECKOUT, "contrib", "haproxy", "haproxy.cfg")
CONNECTIONS = 8
TRIES = 50  # so often a mail is offered again after a temporary refusal


class HAProxyError(MachineError):
    """HAProxy is missing, does not start, or its example is not as expected."""


class HAProxy(Started):
    """HAProxy with the example, in front of these ports of 127.0.0.1.

    milter   its address as Postfix writes it
    names    the servers' names in the example, in the order of the ports
    """

    def __init__(self, ports):
        self._program = find_program("haproxy")
        self._ports, self._process = ports, None
        self.directory = make_directory("private-haproxy-")

    def _path(self, name):
        return os.path.join(self.directory, name)

    def write_configuration(self):
        """Writes the example with other addresses, and a file of our own beside it that opens
        the socket for questions."""
        with open(CONFIGURATION) as example:
            text = example.read()
        port, left = free_port(), list(self._ports)
        self.milter, self.names = f"inet:127.0.0.1:{port}", []

        def server(found):
            self.names.append(found[2])
            return f"{found[1]}{found[2]} 127.0.0.1:{left.pop(0)}"

        text, binds = re.subn(r"(?m)^(\s+bind) 127\.0\.0\.1:\d+", rf"\1 127.0.0.1:{port}", text)
        servers = len(re.findall(r"(?m)^\s+server ", text))
        if binds != 1 or servers != len(self._ports):
            raise HAProxyError(f"{CONFIGURATION}: {binds} bind, {servers} servers")
        text = re.sub(r"(?m)^(\s+server )(\S+) \S+", server, text)
        with open(self._path("haproxy.cfg"), "w") as out:
            out.write(text)
        with open(self._path("own.cfg"), "w") as out:
            out.write(f"global\n\tstats socket {self._path('stats')} mode 600\n")

    def command(self, *options):
        """The command line."""
        return [self._program, *options, "-f", self._path("haproxy.cfg"),
                "-f", self._path("own.cfg")]

    def start(self):
        """Starts it; on return it takes connections and all servers are up."""
        self.write_configuration()
        with open(self._path("log"), "ab") as log:
            self._process = subprocess.Popen(self.command("-db"), stdin=subprocess.DEVNULL,
                                             stdout=log, stderr=log, start_new_session=True)
        if not wait_until(self._is_up, 20):
            raise HAProxyError(f"does not start\n{self.log()[-4000:]}")

    def _is_up(self):
        try:
            return all(self.server(name)["status"] == "UP" for name in self.names)
        except (OSError, KeyError):
            return False

    def server(self, name):
        """What HAProxy tells of this server: {"status": "UP", "stot": "12", ...}."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(self._path("stats"))
            client.sendall(b"show stat\n")
            text = b"".join(iter(lambda: client.recv(65536), b"")).decode()
        for row in csv.DictReader(text.lstrip("# ").splitlines()):
            if row["svname"] == name:
                return row
        raise KeyError(name)

    def remove(self):
        """Ends it and removes its directory."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
        shutil.rmtree(self.directory, ignore_errors=True)

    def log(self):
        """What it has written, as text."""
        with open(self._path("log"), errors="replace") as log:
            return log.read()


def mails_of(daemon):
    """How many mails this daemon has answered: it logs each. HAProxy's own count will not do,
    for it has the connections that a dead daemon did not take."""
    return len(re.findall(r"(?m) recipient=<soak-", daemon.log()))


class Load:
    """Hands over bounces on several SMTP connections, each mail on one of its own.

    sent     {number: (begin, end)}, when the mail was under way; of the last try
    refused  how many temporary refusals there were
    """

    def __init__(self, postfix):
        self.postfix = postfix
        self.sent, self.refused = {}, 0
        self._lock, self._stop = threading.Lock(), False

    def send(self, numbers):
        """Returns when all these are taken."""
        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
            jobs = [pool.submit(self._send, number) for number in numbers]
            try:
                for job in concurrent.futures.as_completed(jobs):
                    job.result()
            except BaseException:
                self._stop = True
                raise

    def _send(self, number):
        for attempt in range(TRIES):
            if self._stop:
                return
            begin = time.monotonic()
            try:
                self.postfix.inject(make_bounce(number), RECIPIENT)
                break
            except (smtplib.SMTPResponseException, smtplib.SMTPConnectError) as refused:
                if refused.smtp_code // 100 != 4 or attempt == TRIES - 1:
                    raise
                with self._lock:
                    self.refused += 1
                time.sleep(0.2)
        with self._lock:
            self.sent[number] = (begin, time.monotonic())

    def under_way(self, numbers, begin, end):
        """Those of the numbers that were under way between these times."""
        return {number for number in numbers if number in self.sent
                and self.sent[number][0] <= end and self.sent[number][1] >= begin}


class Arrived:
    """What lies in the mailbox."""

    def __init__(self, postfix):
        self.times, self.plain, self.damaged = collections.Counter(), set(), []
        for mail in delivered(postfix):
            number = number_of(mail)
            self.times[number] += 1
            try:
                found = compare(make_bounce(number), mail)
                if not found.causes:
                    self.plain.add(number)
            except Exception as problem:
                self.damaged.append(f"{number}: {problem}")


def play(program, action, mails, stack):
    """One round."""
    daemons = []
    for _ in range(3):
        daemon = stack.enter_context(Daemon(program, inet=True))
        daemons.append(daemon)
    proxy = stack.enter_context(HAProxy([int(daemon.milter.split(":")[-1])
                                         for daemon in daemons]))
    postfix = stack.enter_context(PrivatePostfix(
        milter=proxy.milter, milter_options={"default_action": action},
        settings={"smtpd_error_sleep_time": "0"}))
    victim, name = daemons[0], proxy.names[0]
    load = Load(postfix)

    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        sending = pool.submit(load.send, range(1, mails + 1))
        wait_until(lambda: len(load.sent) >= mails // 2 or sending.done(), 300, 0.005)
        # Kill it when it has work.
        wait_until(lambda: int(proxy.server(name)["scur"]) > 0 or sending.done(), 10, 0.001)
        at, before = len(load.sent), mails_of(victim)
        begin = time.monotonic()
        victim.kill()
        end = time.monotonic()
        down = wait_until(lambda: proxy.server(name)["status"] == "DOWN", 20)
        noticed = time.monotonic() - end
        sending.result()
    took = time.monotonic() - start
    shares = [mails_of(daemon) for daemon in daemons]
    comment(f"{action}: {mails} bounces in {took:.1f} s, {mails / took:.0f} a second, on "
            f"{CONNECTIONS} connections; kill -9 after {at}; mails a daemon: {shares}; "
            f"{load.refused} temporary refusals; down after {noticed:.1f} s")
    check(f"{action}: {name} was killed in the middle of its work", at < mails and before > 0,
          [f"after {at} bounces, {before} of them its own"])
    check(f"{action}: HAProxy has noticed", down, [proxy.server(name), proxy.log()[-2000:]])
    check(f"{action}: the other two shared the rest",
          all(share > mails // 10 for share in shares[1:]), [shares])

    postfix.wait_until_idle(120)
    corrupt = set(queue_files(postfix, "corrupt").values())
    found, sent = Arrived(postfix), set(load.sent)
    busy = load.under_way(sent, begin, end)
    lost = sent - set(found.times) - corrupt
    comment(f"{action}: {len(busy)} under way at the kill -9; arrived "
            f"{sum(found.times.values())}, without explanation {len(found.plain)}, "
            f"in Postfix's queue corrupt {len(corrupt)}")
    check(f"{action}: none of {mails} is lost", len(sent) == mails and not lost,
          [f"taken {len(sent)}, lost {sorted(lost)}"])
    check(f"{action}: none came twice",
          set(found.times) <= sent and set(found.times.values()) == {1},
          [found.times.most_common(5)])
    check(f"{action}: each is whole", not found.damaged, found.damaged)
    unlucky = found.plain | corrupt
    if action == "accept":
        check("accept: at most one was spoiled by Postfix", len(corrupt) <= 1, [corrupt])
        check(f"accept: {len(unlucky)} without explanation, all of them under way on the "
              f"{CONNECTIONS} connections at the kill -9",
              len(unlucky) <= CONNECTIONS and unlucky <= busy,
              [f"without: {sorted(unlucky)}", f"under way: {sorted(busy)}"])
    else:
        check("tempfail: none is without explanation", not unlucky, [sorted(unlucky)])

    before = mails_of(victim)
    victim.start()
    check(f"{action}: started again, HAProxy takes it back",
          wait_until(lambda: proxy.server(name)["status"] == "UP", 20), [proxy.server(name)])
    more = mails // 4
    load.send(range(mails + 1, mails + more + 1))
    postfix.wait_until_idle(120)
    found, got = Arrived(postfix), mails_of(victim) - before
    fresh = {number for number in found.times if number > mails}
    comment(f"{action}: of {more} more, {got} went to the daemon started again")
    check(f"{action}: it gets mail again, and all is explained",
          got > more // 10 and len(fresh) == more and not fresh & found.plain,
          [f"it got {got}, {len(fresh)} arrived, plain {sorted(fresh & found.plain)}"])
    ask_doctor(program, action, daemons[0], proxy, postfix)
    check(f"{action}: all three run", all(daemon.running() for daemon in daemons),
          [daemon.log()[-1000:] for daemon in daemons])
    for daemon in daemons:  # all at once, for each takes 5 seconds
        daemon.signal(signal.SIGTERM)
    check(f"{action}: all three end in good order",
          all(daemon.terminate(40) == 0 for daemon in daemons))
    chatter = [line for daemon in daemons for line in daemon.log().splitlines()
               if " recipient=<" not in line]
    comment(f"{action}: {len(chatter)} lines in the daemons' logs that are not of a mail")
    check(f"{action}: the checks do not fill the daemons' logs", len(chatter) <= 15,
          [f"{len(chatter)} lines"] + chatter)


def ask_doctor(program, action, daemon, proxy, postfix):
    """`whybounce doctor` with one daemon's settings takes the proxy in main.cf for right."""
    done = subprocess.run(
        [os.path.join(os.path.dirname(program), "whybounce"), "doctor", "-c",
         daemon.settings_path(), "-p", postfix.configuration()], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60)
    check(f"{action}: doctor accepts HAProxy", done.returncode == 0 and
          f"{proxy.milter}, which main.cf names, explained a test bounce" in done.stdout,
          told(done))


def test_example():
    """The example as it is, without other addresses."""
    done = subprocess.run([find_program("haproxy"), "-c", "-f", CONFIGURATION],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    said = done.stdout + done.stderr
    check("HAProxy finds no fault in the example",
          done.returncode == 0 and not re.search(r"WARNING|ALERT", said), [said])


def main():
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", dest="mails", metavar="MAILS", type=int, default=400)
    parser.add_argument("program", nargs="?", default=PROGRAM)
    options = parser.parse_args()
    try:
        with tidy() as stack:
            test_example()
            for action in ("accept", "tempfail"):
                with contextlib.ExitStack() as inner:
                    stack.push(inner)
                    play(options.program, action, options.mails, inner)
    except (MachineError, OSError, smtplib.SMTPException) as problem:
        check("the tests go on to the end", False, f"{type(problem).__name__}: {problem}")
    return finish()


if __name__ == "__main__":
    sys.exit(main())

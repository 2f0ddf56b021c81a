#!/usr/bin/env python3
"""`whybounce doctor` against real variations of main.cf and master.cf, and of the daemon.

usage: test_doctor.py WHYBOUNCE

WHYBOUNCE is the built program; whybounced lies beside it. Postfix's programs must be installed
(postconf reads and writes a configuration folder of the tests' own; no Postfix is started), and
the tests must run as root, to start the daemon as another user. Each fault that doctor tells must
come with what mends it; where that is a postconf command it is run as it stands, and the fault
must be gone. Prints `ok N - name` or `not ok N - name` a test, exits 1 if any failed.
"""

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from daemon import Daemon, run_as_nobody  # noqa: E402
from machine import MachineError, find_program, make_directory  # noqa: E402
from suite import tidy  # noqa: E402
from tap import attempt, check, finish  # noqa: E402

MASTER_CF = """\
smtp       inet  n       -       {chroot}       -       -       smtpd
pickup     unix  n       -       {chroot}       60      1       pickup
cleanup    unix  n       -       {chroot}       -       0       cleanup
"""
OPENDKIM = "unix:opendkim/opendkim.sock"
CLASSES = "internal_mail_filter_classes"
LISTS = ("smtpd_milters", "non_smtpd_milters")
USAGE = 64  # exit status of a wrong call, as sysexits.h has it

PROGRAM = None
DAEMON = None
FOLDER = None  # for everything that the tests make; removed at the end
TESTS = []


# --- Running and telling

def test(function):
    """Registers a function of tests; one that breaks is one failed test."""
    TESTS.append(function)
    return function


class Visit:
    """What doctor said: faults (a list of (fault, mend)), good (the rest), text, status."""

    def __init__(self, result, seconds):
        self.status = result.returncode
        self.stdout = result.stdout
        self.text = f"exit status {self.status}\n{result.stdout}{result.stderr}"
        self.seconds = seconds
        lines = result.stdout.splitlines()
        self.good = [line[7:] for line in lines if line.startswith("ok ")]
        self.faults = []
        for line, following in zip(lines, lines[1:] + [""]):
            if line.startswith("FAULT "):
                mend = re.match(r" +mend: (.*)", following)
                self.faults.append((line[7:], mend.group(1) if mend else None))

    def mends(self, words):
        """What mends the faults that have these words, which begin with a whole one."""
        return [mend for fault, mend in self.faults
                if re.search(r"(^|\W)" + re.escape(words), fault)]

    def is_told(self):
        """Do exit status and last line agree with the faults, and has each a mend?"""
        last = self.stdout.splitlines()[-1:]
        if not self.faults:
            return self.status == 0 and last == ["nothing is wrong"]
        return self.status == 1 and "FAULT" in "".join(last) and \
            all(mend for _, mend in self.faults)


class Site:
    """A configuration folder of Postfix. Its lines are what main.cf has besides queue and data
    directory; a value of None takes a line away."""

    def __init__(self, chroot="n", **lines):
        self.folder = os.path.join(FOLDER, f"site-{len(os.listdir(FOLDER))}")
        self.queue = os.path.join(self.folder, "queue")
        os.makedirs(self.queue)
        os.mkdir(os.path.join(self.folder, "programs"))
        self.write("master.cf", MASTER_CF.format(chroot=chroot))
        self.set(**lines)
        # "postfix reload" is part of what mends; here it only leaves a trace.
        stub = os.path.join(self.folder, "programs", "postfix")
        with open(stub, "w", encoding="ascii") as file:
            file.write(f'#!/bin/sh\necho "$*" >> {self.folder}/reloads\n')
        os.chmod(stub, 0o755)

    def write(self, name, text):
        """Writes a file of the configuration."""
        with open(os.path.join(self.folder, name), "w", encoding="ascii") as file:
            file.write(text)

    def set(self, **lines):
        """Writes main.cf."""
        lines = {"compatibility_level": "3.6", "queue_directory": self.queue,
                 "data_directory": self.folder, "myhostname": "mail.example.org", **lines}
        self.write("main.cf", "".join(f"{name} = {value}\n" for name, value in lines.items()
                                      if value is not None))

    def get(self, name):
        """The value of a parameter as Postfix reads it."""
        return subprocess.run(["postconf", "-c", self.folder, "-xh", name], capture_output=True,
                              text=True, check=True).stdout.strip()

    def doctor(self, settings, *more, path=None):
        """Lets doctor look at it."""
        with contextlib.suppress(FileNotFoundError):  # Postfix waits for a new file to settle
            os.utime(os.path.join(self.folder, "main.cf"), (0, 0))
        start = time.monotonic()
        words = [PROGRAM, "doctor", "-c", settings, "-p", self.folder, *more]
        environment = {**os.environ, "LC_ALL": "C", **({"PATH": path} if path else {})}
        result = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False,
                                env=environment, stdin=subprocess.DEVNULL)
        return Visit(result, time.monotonic() - start)

    def mend(self, command):
        """Runs a command that mends, as a person would paste it."""
        path = os.path.join(self.folder, "programs") + ":" + os.environ["PATH"]
        return subprocess.run(["sh", "-c", command], text=True, capture_output=True, check=False,
                              env={**os.environ, "PATH": path, "MAIL_CONFIG": self.folder})


def milter(address, more="default_action=accept"):
    """An entry of a list of milters."""
    return "{ %s, %s }" % (address, more) if more else address


def all_right(address):
    """The lines of main.cf that make everything right."""
    return {"smtpd_milters": milter(address), "non_smtpd_milters": milter(address),
            CLASSES: "bounce"}


def check_mended(name, site, settings, visit, words, left=0):
    """The mends of all faults with these words are commands, and running them mends."""
    commands = visit.mends(words)
    if not check(f"{name}: told, with a command that mends it", commands and visit.is_told() and
                 all(mend.startswith("postconf ") for mend in commands), visit.text):
        return
    done = [site.mend(command) for command in commands]
    after = site.doctor(settings)
    check(f"{name}: the command mends it", not after.mends(words) and after.is_told() and
          len(after.faults) == left and all(result.returncode == 0 for result in done),
          f"{commands}\n{[result.stderr for result in done]}\n{after.text}")


def settings_file(name, text):
    """A settings file of that text."""
    path = os.path.join(FOLDER, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


# --- main.cf

@test
def nothing_set(daemon):
    """A Postfix that has never heard of it."""
    site = Site()
    before = {name: open(os.path.join(site.folder, name)).read()
              for name in ("main.cf", "master.cf")}
    settings = daemon.settings_path()
    visit = site.doctor(settings)
    check("nothing set: both lists and the classes are missed, and nothing else",
          len(visit.faults) == 3 and visit.is_told() and
          all(visit.mends(f"{name} does not name") for name in LISTS) and
          visit.mends(CLASSES), visit.text)
    check("doctor says what the missing line costs",
          "bounces of other servers are not explained" in visit.text and
          "bounces of this Postfix are not explained" in visit.text and
          "bounces of this Postfix pass no milter" in visit.text, visit.text)
    check("doctor changes nothing", before == {
        name: open(os.path.join(site.folder, name)).read() for name in before})
    for name in LISTS:
        check_mended(f"{name} not set", site, settings, site.doctor(settings),
                     f"{name} does not name", 2 - LISTS.index(name))
    check_mended(f"{CLASSES} not set", site, settings, site.doctor(settings), CLASSES)
    with open(os.path.join(site.folder, "reloads"), encoding="ascii") as reloads:
        check("each command has Postfix read it", reloads.read().count("reload") == 3)


@test
def everything_right(daemon):
    """Ways to write what is right."""
    address, settings = daemon.milter, daemon.settings_path()
    path = address[5:]
    ways = {
        "as README has it": all_right(address),
        "with other options": {**all_right(address), "smtpd_milters":
                               milter(address, "connect_timeout=5s, default_action=accept")},
        "without blanks": {**all_right(address), "smtpd_milters":
                           "{%s,default_action=accept}" % address},
        "milter_default_action instead": {
            "smtpd_milters": address, "non_smtpd_milters": address, CLASSES: "bounce",
            "milter_default_action": "accept"},
        "one list named by the other": {**all_right(address),
                                        "non_smtpd_milters": "$smtpd_milters"},
        "by a variable of one's own": {**all_right(address), "why": milter(address),
                                       "smtpd_milters": "$why", "non_smtpd_milters": "${why}"},
        "over several lines": {**all_right(address), "smtpd_milters":
                               f"inet:127.0.0.1:8893,\n  {milter(address)},\n  unix:spam.sock"},
        "more classes": {**all_right(address), CLASSES: "notify, bounce"},
        "options in braces of their own": {**all_right(address), "smtpd_milters":
                                           milter(address, "{ default_action = accept }")},
    }
    for name, lines in ways.items():
        visit = Site(**lines).doctor(settings)
        check(f"all right: {name}", not visit.faults and visit.is_told(), visit.text)
    visit = Site(**all_right(address)).doctor(settings)
    for words in ("settings " + settings, "Postfix 3.", "smtpd_milters names whybounced",
                  "non_smtpd_milters names whybounced", CLASSES + " has bounce",
                  f"may connect to {path}", "explained a test bounce in"):
        check(f"all right: doctor says so: {words.replace(FOLDER, '')[:40]}",
              any(words in line for line in visit.good), visit.text)


@test
def overrides(daemon):
    """Services whose entry in master.cf has lists of its own."""
    address, settings = daemon.milter, daemon.settings_path()
    packed = "{%s,default_action=accept}" % address
    smtp, cleanup = "smtp/inet/smtpd_milters", "cleanup/unix/non_smtpd_milters"

    def site(service, option):
        made = Site(**all_right(address))
        lines = MASTER_CF.format(chroot="n").splitlines()
        made.write("master.cf", "".join(
            line + "\n" + (f"  -o {option}\n" if line.startswith(service) else "")
            for line in lines))
        return made

    for name, service, option in (
            ("an empty list of smtpd's own", "smtp", "smtpd_milters="),
            ("another milter alone", "smtp", "smtpd_milters=inet:127.0.0.1:8891"),
            ("several, with blanks", "smtp", "{ smtpd_milters = unix:a, { unix:b, x = y } }"),
            ("no default_action", "smtp", "smtpd_milters=" + address),
            ("an empty list of cleanup's own", "cleanup", "non_smtpd_milters="),
            ("a signer in front", "cleanup", f"non_smtpd_milters=unix:opendkim.sock,{packed}")):
        made = site(service, option)
        visit = made.doctor(settings)
        check(f"master.cf, {name}: one fault", len(visit.faults) == 1, visit.text)
        check_mended(f"master.cf, {name}", made, settings, visit,
                     smtp if service == "smtp" else cleanup)
    for option in (f"smtpd_milters={packed}", "smtpd_milters=$non_smtpd_milters",
                   "smtpd_client_restrictions=permit"):
        visit = site("smtp", option).doctor(settings)
        check(f"master.cf, all right: {option[:20]}", not visit.faults and visit.is_told(),
              visit.text)


@test
def others(daemon):
    """Milters of others, and the order."""
    address, settings = daemon.milter, daemon.settings_path()
    site = Site(smtpd_milters=OPENDKIM, non_smtpd_milters=OPENDKIM, **{CLASSES: "bounce"},
                milter_default_action="accept")
    visit = site.doctor(settings)
    check_mended("only opendkim there", site, settings, visit, "does not name")
    incoming, own = (site.get(name) for name in LISTS)
    check("opendkim stays: behind ours in non_smtpd_milters, in front in smtpd_milters",
          own.index(address) < own.index(OPENDKIM) and
          incoming.index(OPENDKIM) < incoming.index(address), f"{incoming}\n{own}")
    for signer in (OPENDKIM, "inet:localhost:8891", "inet:127.0.0.1:12301", milter(OPENDKIM)):
        site = Site(**{**all_right(address),
                       "non_smtpd_milters": f"{signer}, {milter(address)}"})
        check_mended(f"a signer in front of ours: {signer}", site, settings,
                     site.doctor(settings), "signer stands before")
        check(f"the signer is behind ours then: {signer}", site.get("non_smtpd_milters") ==
              f"{milter(address)}, {signer}", site.get("non_smtpd_milters"))
        after = Site(**{**all_right(address),
                        "non_smtpd_milters": f"{milter(address)}, {signer}"}).doctor(settings)
        check(f"a signer behind ours is right: {signer}", not after.faults, after.text)
    visit = Site(**{**all_right(address),
                    "smtpd_milters": f"{OPENDKIM}, {milter(address)}"}).doctor(settings)
    check("in smtpd_milters, opendkim in front is right", not visit.faults, visit.text)
    rspamd = "inet:localhost:11332"
    visit = Site(**{**all_right(address),
                    "non_smtpd_milters": f"{rspamd} {milter(address)}"}).doctor(settings)
    check("a milter that is no signer may stand in front", not visit.faults, visit.text)
    site = Site(smtpd_milters=milter(rspamd, "command_timeout=9s"), non_smtpd_milters=OPENDKIM)
    for command in site.doctor(settings).mends(""):
        site.mend(command)
    check("options of others survive", milter(rspamd, "command_timeout=9s") in
          site.get("smtpd_milters") and not site.doctor(settings).faults, site.get(LISTS[0]))
    site = Site(smtpd_milters=address + "x", non_smtpd_milters="unix:/x" + address[5:])
    check("a socket whose name only resembles ours is not ours",
          len(site.doctor(settings).mends("does not name")) == 2)


@test
def default_action(daemon):
    """default_action=accept."""
    address, settings = daemon.milter, daemon.settings_path()
    site = Site(smtpd_milters=address, non_smtpd_milters=address, **{CLASSES: "bounce"})
    visit = site.doctor(settings)
    check("default_action missing in both lists", len(visit.mends("without default_action")) == 2,
          visit.text)
    check_mended("default_action missing", site, settings, visit, "without default_action")
    check("what other milters do when they are not there stays",
          site.get("milter_default_action") == "tempfail")
    site = Site(**{**all_right(address), "non_smtpd_milters": milter(address, "protocol=6")})
    check_mended("default_action missing in one list", site, settings, site.doctor(settings),
                 "without default_action")
    for action, words in (("tempfail", "held up"), ("reject", "refused"),
                          ("quarantine", "put on hold")):
        site = Site(**{**all_right(address), "milter_default_action": "accept", "smtpd_milters":
                       milter(address, f"connect_timeout=9s, default_action={action}") + ", " +
                       milter(OPENDKIM, "default_action=tempfail")})
        visit = site.doctor(settings)
        check(f"default_action={action} wins over milter_default_action and is told",
              len(visit.faults) == 1 and visit.is_told() and
              "smtpd_milters" in visit.faults[0][0] and words in visit.faults[0][0], visit.text)
        check_mended(f"default_action={action}", site, settings, visit, "without default_action")
        mended = milter(address, "connect_timeout=9s, default_action=accept")
        check(f"default_action={action}: other options and milters stay as they are",
              site.get("smtpd_milters") == mended + ", " +
              milter(OPENDKIM, "default_action=tempfail"), site.get("smtpd_milters"))
    visit = Site(smtpd_milters=f"{milter(OPENDKIM)}, {address}", **{
        CLASSES: "bounce", "non_smtpd_milters": milter(address)}).doctor(settings)
    check("another milter's default_action is not taken for ours", len(visit.faults) == 1 and
          visit.mends("without default_action"), visit.text)


@test
def classes(daemon):
    """internal_mail_filter_classes."""
    settings = daemon.settings_path()
    for value in (None, "", "notify"):
        site = Site(**{**all_right(daemon.milter), CLASSES: value})
        check_mended(f"{CLASSES} = {value}", site, settings, site.doctor(settings), CLASSES)
        check(f"{CLASSES}: what was there stays", set(site.get(CLASSES).replace(",", " ").split())
              == {"bounce", *((value or "").split())}, site.get(CLASSES))


# --- Sockets

@test
def chroot(daemon):
    """Postfix in a chroot, as Debian has it."""
    site = Site(chroot="y")
    settings = daemon.settings_path()
    path = daemon.socket_path
    visit = site.doctor(settings)
    check("a chroot that cannot see the socket is told for smtpd and cleanup",
          visit.is_told() and len(visit.mends("cannot see " + path)) == 1 and
          visit.mends("smtpd and cleanup run") and
          all(f"{site.queue}/whybounced" in mend and settings in mend and "install -d" in mend
              for mend in visit.mends("cannot see")), visit.text)
    check("the commands for main.cf are about the new socket already",
          all("unix:whybounced/whybounced.sock" in mend
              for mend in visit.mends("does not name")), visit.text)
    with socket_in_queue(site) as inside:
        visit = site.doctor(inside.settings_path())
        check_mended("a chroot with the socket below the queue directory", site,
                     inside.settings_path(), visit, "")
        after = site.doctor(inside.settings_path())
        check("doctor sees that a chrooted service sees it",
              "smtpd and cleanup run in a chroot and see the socket" in after.good, after.text)
        for name in ("unix:whybounced/whybounced.sock", "unix:/whybounced/whybounced.sock",
                     f"unix:{site.queue}/whybounced/whybounced.sock"):
            site.set(**all_right(name))
            visit = site.doctor(inside.settings_path())
            check(f"named as {name.replace(FOLDER, '')}", not visit.mends("does not name"),
                  visit.text)
    for service, other, name in (("smtp", "cleanup", "smtpd"), ("cleanup", "smtp", "cleanup")):
        site.write("master.cf", re.sub(rf"(?m)^({other}\s+\S+\s+\S+\s+\S+\s+)y", r"\1n",
                                       MASTER_CF.format(chroot="y")))
        visit = site.doctor(settings)
        check(f"only {service} in a chroot", len(visit.mends("cannot see")) == 1 and
              visit.mends(f"{name} runs in a chroot"), visit.text)
    site = Site(chroot="-", **all_right(daemon.milter))
    check("chroot left open means none since Postfix 3",
          not site.doctor(settings).mends("cannot see"))
    site.set(**all_right(daemon.milter), compatibility_level="0")
    check("chroot left open means one in a configuration of Postfix 2",
          len(site.doctor(settings).mends("cannot see")) == 1)


@contextlib.contextmanager
def socket_in_queue(site):
    """A daemon whose socket is in the folder whybounced of the queue directory."""
    folder = os.path.join(site.queue, "whybounced")
    os.mkdir(folder)
    user = pwd.getpwnam("nobody")
    os.chown(folder, user.pw_uid, pwd.getpwnam("postfix").pw_gid)
    os.chmod(folder, 0o2750)
    inside = Daemon(DAEMON)
    try:
        inside.socket_path = os.path.join(folder, "whybounced.sock")
        inside.settings.update(socket=f"unix:{inside.socket_path}", socket_umask="0007")
        inside.write_settings()
        inside.start()
        yield inside
    finally:
        inside.remove()


@test
def rights(daemon):
    """May Postfix's user connect?"""
    site = Site(**all_right(daemon.milter))
    settings, path = daemon.settings_path(), daemon.socket_path
    group = pwd.getpwnam("postfix").pw_gid
    nobody = pwd.getpwnam("nobody")
    mode = os.stat(path).st_mode
    try:
        for bits, gid, right in ((0o770, nobody.pw_gid, False), (0o770, group, True),
                                 (0o700, group, False), (0o755, group, False),
                                 (0o777, nobody.pw_gid, True)):
            os.chown(path, nobody.pw_uid, gid)
            os.chmod(path, bits)
            visit = site.doctor(settings)
            told = visit.mends("may not connect")
            check(f"a socket of mode {bits:o}, group {'postfix' if gid == group else 'other'}",
                  visit.is_told() and len(visit.faults) == (0 if right else 1) and
                  (right or (told and "2750" in told[0] and
                             f"{site.queue}/whybounced" in told[0])), visit.text)
        os.chmod(daemon.directory, 0o700)
        visit = site.doctor(settings)
        check("a folder that Postfix may not enter", visit.is_told() and
              visit.mends("may not connect"), visit.text)
    finally:
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
        os.chmod(path, mode & 0o7777)
        os.chmod(daemon.directory, 0o755)


@test
def rights_in_the_queue(_):
    """A folder for a chrooted Postfix that was made with the wrong owner."""
    site = Site(chroot="y", **all_right("unix:whybounced/whybounced.sock"))
    for gid, mode in ((pwd.getpwnam("nobody").pw_gid, 0o755), (0, 0o700)):
        shutil.rmtree(os.path.join(site.queue, "whybounced"), ignore_errors=True)
        with socket_in_queue(site) as inside:
            folder = os.path.dirname(inside.socket_path)
            os.chown(inside.socket_path, -1, gid)
            os.chown(folder, -1, gid)
            os.chmod(folder, mode)
            visit = site.doctor(inside.settings_path())
            mends = visit.mends("may not connect")
            check(f"a folder of mode {mode:o} in the queue directory", len(visit.faults) == 1 and
                  visit.is_told() and mends[0].startswith("chown "), visit.text)
            command, _, restart = mends[0].partition(" && systemctl ")
            done = site.mend(command.replace("whybounced:postfix", "nobody:postfix"))
            inside.terminate()
            inside.start()
            after = site.doctor(inside.settings_path())
            check(f"a folder of mode {mode:o}: the command mends it", restart ==
                  "restart whybounced" and not after.faults, f"{done.stderr}{after.text}")


@test
def inet(_):
    """TCP sockets."""
    with Daemon(DAEMON, inet=True) as daemon:
        settings = daemon.settings_path()
        port = daemon.milter.rsplit(":", 1)[1]
        site = Site(chroot="y")
        visit = site.doctor(settings)
        check("an inet socket: no chroot, no rights to worry about", len(visit.faults) == 3 and
              all(daemon.milter in mend for mend in visit.mends("does not name")), visit.text)
        check_mended("an inet socket", site, settings, visit, "")
        other = settings_file("inet.conf", f'socket = "inet:{port}@localhost"\n')
        visit = Site(**all_right(f"inet:localhost:{port}")).doctor(other)
        check("inet:port@localhost", not visit.faults, visit.text)
        visit = Site(**all_right(f"inet:localhost:{port}")).doctor(settings)
        check("127.0.0.1 and localhost are one", not visit.faults, visit.text)
        visit = Site(**all_right(f"inet:127.0.0.1:{port}")).doctor(
            settings_file("inet2.conf", f'socket = "inet:{port}"\n'))
        check("inet:port alone", not visit.faults, visit.text)
        site = Site(**all_right("inet:127.0.0.1:1" + port[1:]))
        check("another port is not ours", port.startswith("1") or
              len(site.doctor(settings).mends("does not name")) == 2)


@test
def no_socket(_):
    """What else may lie where the socket should."""
    path = os.path.join(FOLDER, "file")
    settings = settings_file("file.conf", f'socket = "unix:{path}"\n')
    site = Site(**all_right(f"unix:{path}"))
    visit = site.doctor(settings)
    check("no socket there", len(visit.faults) == 1 and visit.is_told() and
          "does not listen" in visit.text and "No such file" in visit.text and
          settings in visit.faults[0][1], visit.text)
    open(path, "w").close()
    visit = site.doctor(settings)
    check("a file that is no socket", visit.is_told() and "is no socket" in visit.text and
          visit.mends("is no socket")[0].startswith("rm "), visit.text)
    os.unlink(path)
    os.mkfifo(path)
    visit = site.doctor(settings)
    check("a pipe that is no socket, at once", visit.mends("is no socket") and
          visit.seconds < 3, visit.text)


# --- The daemon

@test
def dead(daemon):
    """A daemon that was killed."""
    site = Site(**all_right(daemon.milter))
    settings = daemon.settings_path()
    daemon.kill()
    visit = site.doctor(settings)
    check("killed: its socket is there, nobody listens", len(visit.faults) == 1 and
          visit.is_told() and "does not listen" in visit.text and
          "refused" in visit.text and "systemctl start whybounced" in visit.faults[0][1] and
          f"whybounced -c {settings}" in visit.faults[0][1], visit.text)
    daemon.start()
    check("started again: nothing is wrong", not site.doctor(settings).faults)


@test
def slow(daemon):
    """A daemon that has stopped moving."""
    site = Site(**all_right(daemon.milter))
    daemon.signal(signal.SIGSTOP)
    try:
        visit = site.doctor(daemon.settings_path())
    finally:
        daemon.signal(signal.SIGCONT)
    check("stopped: told within ten seconds", len(visit.faults) == 1 and visit.is_told() and
          "does not answer: no answer in time" in visit.text and
          "restart" in visit.faults[0][1] and visit.seconds < 10, visit.text)
    check("going on: nothing is wrong", not site.doctor(daemon.settings_path()).faults)


class Impostor:
    """Something else that listens on the socket; answer() deals with a connection."""

    def __init__(self, name, answer):
        self.path = os.path.join(FOLDER, name)
        self.answer = answer
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(self.path)
        os.chmod(self.path, 0o777)
        self._server.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self.answer(connection)

    def visit(self):
        """What doctor says about it."""
        settings = settings_file("impostor.conf", f'socket = "unix:{self.path}"\n')
        try:
            return Site(**all_right(f"unix:{self.path}")).doctor(settings)
        finally:
            self._server.close()


def packet(kind, data=b""):
    """A packet of the milter protocol."""
    return struct.pack(">I", len(data) + 1) + kind + data


def read_packets(connection):
    """The kinds of all packets that come."""
    with connection.makefile("rb") as stream:
        while len(size := stream.read(4)) == 4:
            yield stream.read(struct.unpack(">I", size)[0])[:1]


def lets_all_pass(connection):
    """A milter, but not ours."""
    for kind in read_packets(connection):
        if kind == b"O":
            connection.sendall(packet(b"O", struct.pack(">III", 6, 0, 0)))
        elif kind not in b"DQA":
            connection.sendall(packet(b"c"))


def never_ready(connection):
    """A milter that says for ever that it is not done yet."""
    for kind in read_packets(connection):
        if kind == b"O":
            connection.sendall(packet(b"O", struct.pack(">III", 6, 0, 0)))
        elif kind != b"D":
            for _ in range(300):
                connection.sendall(packet(b"p"))
                time.sleep(0.1)


def explains_late(connection):
    """A daemon on a machine with too much to do."""
    for kind in read_packets(connection):
        if kind == b"O":
            connection.sendall(packet(b"O", struct.pack(">III", 6, 0, 0)))
        elif kind == b"E":
            time.sleep(1.5)
            connection.sendall(packet(b"i", b"\0\0\0\1Bounce-Cause\0mailbox-unknown\0") +
                               packet(b"a"))
        elif kind not in b"DQA":
            connection.sendall(packet(b"c"))


@test
def late(_):
    """A daemon that answers, but takes its time."""
    visit = Impostor("late", explains_late).visit()
    check("a daemon that takes more than a second", len(visit.faults) == 1 and
          visit.is_told() and re.match(r"whybounced took 1\.\d seconds", visit.faults[0][0]),
          visit.text)


@test
def impostors(_):
    """Somebody else on the socket."""
    cases = {
        "a mail server": (lambda c: (c.sendall(b"220 mail.example.org ESMTP\r\n"), c.recv(9999)),
                          "the answers were not those of whybounced"),
        "one that hangs up": (lambda c: None, "the answers were not those of whybounced"),
        "one that sends a huge packet": (lambda c: (c.sendall(b"\xff\xff\xff\xffO"),
                                                    c.recv(9999)), "were not those of"),
        "one that says nothing": (lambda c: time.sleep(30), "no answer in time"),
        "another milter": (lets_all_pass, "left a test bounce alone"),
        "one that is never ready": (never_ready, "no answer in time"),
    }
    for name, (answer, words) in cases.items():
        visit = Impostor(name.replace(" ", "-"), answer).visit()
        check(f"{name} on the socket", len(visit.faults) == 1 and visit.is_told() and
              words in visit.faults[0][0] and visit.seconds < 15,
              f"{visit.seconds:.1f} s\n{visit.text}")


@test
def settings_of_the_daemon(_):
    """Settings that leave nothing to see are told; those that leave the header are not."""
    for annotate, right in (('{"header"}', True), ('{"header", "text"}', True), ("{}", False)):
        with Daemon(DAEMON) as daemon:
            daemon.write_settings("".join(
                f'{name} = "{value}"\n' for name, value in daemon.settings.items()) +
                f"annotate = {annotate}\n")
            daemon.signal(signal.SIGUSR1)
            time.sleep(0.5)
            visit = Site(**all_right(daemon.milter)).doctor(daemon.settings_path())
        check(f"annotate = {annotate}", visit.is_told() and (not visit.faults if right else
              "annotate" in str(visit.mends("left a test bounce alone"))), visit.text)


# --- A milter that is not the socket of the settings

class Forwarder:
    """A proxy: every connection to the address that main.cf has goes on to the daemon."""

    def __init__(self, daemon, family=socket.AF_INET, host="127.0.0.1"):
        self._daemon = daemon
        self._server = socket.socket(family)
        self._server.bind((host, 0))
        self._server.listen()
        name = f"[{host}]" if ":" in host else host
        self.address = f"inet:{name}:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self._server.accept()
                behind = socket.socket(socket.AF_UNIX)
                behind.connect(self._daemon.socket_path)
            except OSError:
                return
            for one, other in ((client, behind), (behind, client)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass_on(one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def close(self):
        """No more connections."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@test
def elsewhere(daemon):
    """A proxy in front of daemons, or a daemon of another machine."""
    proxy = Forwarder(daemon)
    settings = daemon.settings_path()
    nobody = settings_file("nobody.conf", f'socket = "unix:{FOLDER}/nobody.sock"\n')
    visit = Site(chroot="y", **all_right(proxy.address)).doctor(settings)
    check("a proxy in main.cf that explains is right, chroot or not", not visit.faults and
          visit.is_told() and any(
              line.startswith(f"{proxy.address}, which main.cf names, explained a test bounce")
              for line in visit.good) and f"smtpd_milters names {proxy.address}" in visit.good,
          visit.text)
    visit = Site(**all_right(proxy.address)).doctor(nobody)
    check("a machine without a daemon of its own is right then", not visit.faults and
          visit.is_told() and "Postfix does not ask there" in visit.text, visit.text)
    waits = milter(proxy.address, "default_action=tempfail")
    visit = Site(**{**all_right(proxy.address), "smtpd_milters": waits}).doctor(settings)
    check("tempfail with a proxy is remarked on, and no fault", not visit.faults and
          visit.is_told() and "mail waits while nobody answers" in visit.text, visit.text)
    site = Site(**{**all_right(proxy.address), "non_smtpd_milters": OPENDKIM})
    check_mended("a proxy in one list only", site, settings, site.doctor(settings),
                 "non_smtpd_milters does not name")
    check("it is the proxy that the other list gets", site.get("non_smtpd_milters") ==
          f"{milter(proxy.address)}, {OPENDKIM}", site.get("non_smtpd_milters"))
    site = Site(chroot="y")
    os.mkdir(os.path.join(site.queue, "other"))
    os.symlink(daemon.socket_path, os.path.join(site.queue, "other", "sock"))
    site.set(**all_right("unix:other/sock"))
    visit = site.doctor(nobody)
    check("another socket below the queue directory", not visit.faults and visit.is_told(),
          visit.text)
    if socket.has_ipv6:
        with contextlib.suppress(OSError):
            other = Forwarder(daemon, socket.AF_INET6, "::1")
            visit = Site(**all_right(other.address)).doctor(nobody)
            check("a proxy by its IPv6 address", not visit.faults, visit.text)
            other.close()
    proxy.close()
    visit = Site(**all_right(proxy.address)).doctor(settings)
    check("a proxy that is not there is none", len(visit.mends("does not name")) == 2 and
          visit.is_told(), visit.text)
    path = Impostor("a-milter", lets_all_pass).path
    visit = Site(**all_right(f"unix:{path}")).doctor(settings)
    check("another's milter is not taken for ours", len(visit.mends("does not name")) == 2 and
          visit.is_told(), visit.text)


# --- What doctor itself is given

@test
def no_postfix(daemon):
    """A machine without Postfix, and a Postfix that cannot read its own files."""
    settings = daemon.settings_path()
    visit = Site().doctor(settings, path="/nonexistent")
    check("no postconf: Postfix is not looked at, the daemon is", visit.status == 0 and
          not visit.faults and "no Postfix was found" in visit.text and
          "explained a test bounce" in visit.text, visit.text)
    site = Site()
    site.folder += "/nowhere"
    visit = site.doctor(settings)
    check("a folder that is not there is a fault", visit.status == 1 and visit.is_told() and
          site.folder in visit.text, visit.text)
    site = Site()
    site.write("main.cf", "compatibility_level = 3.6\nsmtpd_milters\n")
    visit = site.doctor(settings)
    check("a main.cf that Postfix cannot read is a fault, with its line", visit.status == 1 and
          visit.text.count("ok     settings") == 1 and visit.is_told() and
          "main.cf" in visit.text and "line 2" in visit.text, visit.text)


@test
def not_root(daemon):
    """Called by a user who may not connect to the socket."""
    site = Site(**all_right(daemon.milter))
    program = os.path.join(daemon.directory, "doctor")  # where everybody may run it
    shutil.copy(PROGRAM, program)
    os.chmod(program, 0o755)
    os.chmod(daemon.directory, 0o711)
    os.chmod(daemon.socket_path, 0o700)
    os.chown(daemon.socket_path, 0, 0)
    try:
        result = subprocess.run([program, "doctor", "-c", daemon.settings_path(), "-p",
                                 "/nonexistent"], capture_output=True, text=True, check=False,
                                timeout=60, cwd="/", **run_as_nobody())
    finally:
        os.chmod(daemon.directory, 0o755)
        daemon.kill()
    visit = Visit(result, 0)
    check("a user without rights is told to be root", visit.is_told() and
          visit.mends("you may not connect to") == ["run whybounce doctor as root"], visit.text)
    check("that is not taken for a dead daemon", "does not listen" not in visit.text, site.folder)


@test
def faulty_settings(daemon):
    """Settings that cannot be read."""
    site = Site(**all_right(daemon.milter))
    path = settings_file("faulty.conf", 'hostname = "mail.example.org"\nno_such_option = 1\n')
    visit = site.doctor(path)
    check("faulty settings: file and line", visit.status == 1 and
          f"{path}:2" in visit.text, visit.text)
    visit = site.doctor(os.path.join(FOLDER, "nowhere.conf"))
    check("no settings there", visit.status == 1 and "nowhere.conf" in visit.text, visit.text)
    for words in (["-x"], ["-p"], ["-c"], ["more"]):
        visit = site.doctor(daemon.settings_path(), *words)
        check(f"doctor … {' '.join(words)} is a wrong call", visit.status == USAGE and
              "usage" in visit.text, visit.text)


def main():
    """Runs the tests; returns the exit status."""
    global PROGRAM, DAEMON, FOLDER
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv[1])
    DAEMON = os.path.join(os.path.dirname(PROGRAM), "whybounced")
    try:
        with tidy() as stack:
            os.environ["PATH"] += ":" + os.path.dirname(find_program("postconf"))
            FOLDER = make_directory("whybounce-doctor-")
            stack.callback(shutil.rmtree, FOLDER, ignore_errors=True)
            daemon = stack.enter_context(Daemon(DAEMON))
            for function in TESTS:
                attempt(function, daemon)
                if not daemon.running():
                    daemon.start()  # a failed test must not fail the next ones
    except MachineError as problem:
        check("Postfix is installed and we are root", False, problem)
    return finish()


if __name__ == "__main__":
    sys.exit(main())

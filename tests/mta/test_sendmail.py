#!/usr/bin/env python3
"""End-to-end tests with a real Sendmail: its milter, and procmail as its local mailer.

usage: test_sendmail.py [-k WORD] [-v] [-p FOLDER] [BUILD]

    -k WORD      only tests with WORD in their name
    -v           with a failed test, what Sendmail, procmail and the daemon logged
    -p FOLDER    where packages are kept; build/packages if not given
    BUILD        the folder with both programs; build if not given

Must run as root. Nothing needs to be installed: Sendmail comes from its Debian package, which
is downloaded the first time. Prints `ok N - name` or `not ok N - name` a test, and exits 1 if
any failed or nothing could be tried at all. The settings are those of contrib/sendmail and
contrib/procmail, word for word.

What is tested: bounces that reach Sendmail by SMTP pass the milter; those that it makes itself
pass none, and are explained by `whybounce filter` in procmail; and mail arrives, whatever
fails.
"""

import concurrent.futures
import contextlib
import os
import re
import signal
import sys
import time

sys.dont_write_bytecode = True
from daemon import Daemon  # noqa: E402
from expect import (check_explained, check_same, check_unexplained, level,  # noqa: E402
                    without_added_line)
from mailparts import Part, check  # noqa: E402
from recipes import (FAILURES, REPLIES, SHARE, add_arguments, add_whybounce,  # noqa: E402
                     contrib, need_programs, replace_whybounce)
from refuser import Refuser  # noqa: E402
from samples import address, corpus, expected_causes, message  # noqa: E402
from sendmail import PROCMAILRC, PrivateSendmail  # noqa: E402
from suite import Suite  # noqa: E402

SUITE = Suite(__doc__)
test = SUITE.test
add_arguments(SUITE.parser)

SOCKET = "/run/whybounced/whybounced.sock"  # the daemon's default

# Bounces of tests/corpus that reach Sendmail from elsewhere: with a status part and without.
BOUNCES = ("postfix-unknown", "exim-new-unknown", "sendmail-unknown", "exchange-2016",
           "qmail-unknown")

NOTED_PROCMAILRC = f"""\
:0 c
$HOME/Before/

INCLUDERC={SHARE}/procmail/whybounce.rc
"""


# The place where all tests happen


class Site:
    """Servers for all tests.

    noted    a Sendmail as contrib/sendmail makes it; it warns after a second. Users "plain…"
             have no recipe in their .procmailrc; users "noted…" have ours, and in front of it
             one that puts a copy of the mail into ~/Before
    plain    the same without milter: how a mail must look otherwise
    daemon   its socket is where Sendmail looks for it
    """

    def __init__(self, options, stack):
        need_programs(options.build)
        self.build = options.build
        self.folder = options.packages
        self.refuser = stack.enter_context(Refuser(REPLIES))
        users = [f"{kind}{number}" for kind in ("plain", "noted") for number in range(30)]
        lines = contrib("sendmail/whybounced.mc")
        hasty = "define(`confTO_QUEUEWARN', `1s')dnl\ndefine(`confTO_QUEUERETURN', `1h')dnl\n"
        without = "".join(line for line in lines.splitlines(keepends=True)
                          if not line.startswith("INPUT_MAIL_FILTER"))
        common = {"users": users, "relay_port": self.refuser.port, "folder": self.folder}
        self.noted = PrivateSendmail(lines=lines + hasty, **common)
        stack.callback(self.noted.remove)
        self.plain = PrivateSendmail(lines=without + hasty, **common)
        stack.callback(self.plain.remove)
        self.daemon = stack.enter_context(daemon_for(self.noted.root, self.build))
        self.prepare(self.noted.root)
        for user in users:
            if user.startswith("noted"):
                self.noted.root.write(f"{self.noted.root.home(user)}/.procmailrc",
                                      NOTED_PROCMAILRC, 0o644, user)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(PrivateSendmail.start, (self.noted, self.plain)))
        self._numbers = iter(range(30))

    def prepare(self, root):
        """Puts whybounce and the recipe for procmail in their places."""
        add_whybounce(root, self.build)
        root.write(f"{SHARE}/procmail/whybounce.rc", contrib("procmail/whybounce.rc"))

    def sources(self):
        """Everything that keeps a log."""
        return (self.noted, self.plain, self.daemon)

    def new_users(self):
        """(without the recipe, with it): two mailboxes that no other test uses."""
        number = next(self._numbers)
        return f"plain{number}", f"noted{number}"

    def arrivals(self, mail, sender, user, timeout=20):
        """The same mail to a user of both servers: (as plain brings it, as noted does)."""
        arrived = []
        for server in (self.plain, self.noted):
            count = len(server.root.mails(user))
            server.submit(mail, sender, address(user))
            arrived.append(server.wait_for_mail(count + 1, timeout, user)[-1])
        return arrived

    def own_bounce(self, recipient, user):
        """Has Sendmail make a bounce for a user "noted…". Returns it as it came to procmail,
        and as it went on from there."""
        after = bounce_of(self.noted, recipient, user)
        return self.noted.root.mails(user, "Before")[-1], after


def bounce_of(server, recipient, user):
    """The bounce that a Sendmail makes for a user when it cannot deliver to the recipient."""
    count = len(server.root.mails(user))
    server.submit(message(user, recipient), address(user), recipient)
    return server.wait_for_mail(count + 1, user=user)[-1]


def daemon_for(root, build, settings=None):
    """A whybounced whose socket is where a Sendmail in this root looks for it, with the mode
    that it has by default."""
    root.make_directory(os.path.dirname(SOCKET), 0o755, "nobody")
    path = root.path(SOCKET)
    daemon = Daemon(os.path.join(build, "whybounced"), settings={
        "socket": f"unix:{path}", "socket_umask": "0007", **(settings or {})})
    daemon.socket_path = path
    return daemon


# The settings


@test
def test_debian_settings(site):
    """The lines fit into the sendmail.mc that Debian installs."""
    root = site.noted.root
    for name in ("dialup", "provider"):
        root.write(f"/etc/mail/m4/{name}.m4", "")
    with open(root.path("/usr/share/sendmail/cf/debian/sendmail.mc")) as file:
        debian = file.read()
    check(debian.count("MAILER_DEFINITIONS\n") == 1, "it is another file now")
    root.write("/tmp/sendmail.mc", debian.replace(
        "MAILER_DEFINITIONS\n", contrib("sendmail/whybounced.mc") + "MAILER_DEFINITIONS\n"))
    made = root.run("m4", "/tmp/sendmail.mc")
    check(not made.stderr, f"m4 complains: {made.stderr.decode()}")
    lines = made.stdout.decode().splitlines()
    check("O InputMailFilters=whybounced" in lines, "the milter is not used")
    check([line for line in lines if line.startswith("Xwhybounced,")]
          == [f"Xwhybounced, S=unix:{SOCKET}, T=C:5s;S:10s;R:10s;E:30s"], "another milter")
    check([line for line in lines if re.match(r"Mlocal,\s+P=/usr/bin/procmail,", line)],
          "the local mailer is not procmail")


# Mail that comes by SMTP


@test
def test_by_smtp(site):
    """Bounces that reach Sendmail by SMTP pass the milter and arrive explained."""
    user, _ = site.new_users()
    for name in BOUNCES:
        plain, noted = site.arrivals(corpus(name), "", user)
        check_explained(plain, noted, expected_causes(name))
        check_unexplained(plain, "there is no milter")


@test
def test_both_ways(site):
    """A bounce that passes the milter and the filter is explained once."""
    _, user = site.new_users()
    for name in BOUNCES:
        plain, noted = site.arrivals(corpus(name), "", user)
        check_explained(plain, without_added_line(plain, noted), expected_causes(name))
        check_same(site.noted.root.mails(user, "Before")[-1],
                   without_added_line(plain, noted), "the milter had explained it")


@test
def test_ordinary(site):
    """Ordinary mail passes the milter and the filter byte for byte."""
    mails = [message("someone", "anybody@example.org"),
             message("someone", "anybody@example.org") + bytes(range(128, 256)) + b"\n",
             message("someone", "anybody@example.org") + b"From here on\n.\n..\n\n" * 20000]
    for user in site.new_users():
        for mail in mails:
            for sender in ("someone@example.net", ""):
                plain, noted = site.arrivals(mail, sender, user)
                if user.startswith("noted") and sender == "":
                    noted = without_added_line(plain, noted)
                check_same(plain, noted, f"from <{sender}> to {user}")
                check(level(noted).endswith(Part(mail).body), "another body")


# Bounces that Sendmail makes itself


@test
def test_own_bounce_bypasses(site):
    """A bounce that Sendmail makes itself passes no milter."""
    user, _ = site.new_users()
    lines = site.daemon.log().count("\n")
    bounce = bounce_of(site.noted, "unknown@example.com", user)
    check(b"Content-Type: multipart/report" in bounce, "Sendmail makes other bounces than this "
                                                       "test knows")
    check_unexplained(bounce, "Sendmail made it")
    check(site.daemon.log().count("\n") == lines, f"the milter saw it:\n{site.daemon.log()}")


@test
def test_own_bounce_filtered(site):
    """A bounce that Sendmail makes itself is explained by the filter in procmail."""
    _, user = site.new_users()
    for name, cause in (("unknown", "mailbox-unknown"), ("full", "mailbox-full"),
                        ("large", "message-too-large")):
        before, after = site.own_bounce(f"{name}@example.com", user)
        check_unexplained(before, "it has not passed the filter yet")
        found = check_explained(before, without_added_line(before, after), [cause])
        check(found.causes[0]["recipient"] == f"{name}@example.com", f"{found.causes}")
        reply = REPLIES[name].reply
        check(found.causes[0].get("code") == reply[:3]
              and found.causes[0].get("status") == reply[4:9], f"{found.causes}")
        check("Invoice 2024-117" in found.text, f"the message is not named:\n{found.text}")
        check(found.html is not None, "no HTML")


@test
def test_late(site):
    """A notice that mail is late, made by Sendmail itself, is explained by the filter."""
    _, user = site.new_users()
    before, after = site.own_bounce("late@example.com", user)
    found = check_explained(before, without_added_line(before, after), ["mailbox-full"],
                            "Not delivered yet to")
    check(found.causes[0]["action"] == "delayed", f"{found.causes}")


@test
def test_sensible_mda(site):
    """Debian's own local mailer runs procmail: the recipe in /etc/procmailrc is enough."""
    server = PrivateSendmail(["user"], site.refuser.port, folder=site.folder)
    # As Debian's update_smrsh does when the packages are installed.
    server.root.make_directory("/etc/mail/smrsh")
    os.symlink("/usr/bin/procmail", server.root.path("/etc/mail/smrsh/procmail"))
    with server:
        with open(server.root.path("/etc/mail/sendmail.cf")) as file:
            check("P=/usr/sbin/sensible-mda" in file.read(), "it has another local mailer")
        check_unexplained(bounce_of(server, "unknown@example.com", "user"), "no recipe")
        site.prepare(server.root)
        server.root.write("/etc/procmailrc", PROCMAILRC + NOTED_PROCMAILRC)
        after = bounce_of(server, "unknown@example.com", "user")
        before = server.root.mails("user", "Before")[-1]
        check_explained(before, without_added_line(before, after), ["mailbox-unknown"])


@test
def test_not_as_root(site):
    """From /etc/procmailrc the filter does not run as root."""
    user, _ = site.new_users()
    root = site.noted.root
    root.write("/etc/procmailrc", PROCMAILRC + NOTED_PROCMAILRC)
    try:
        with instead_of_whybounce(site, "id -u >/tmp/ran-as; exec cat"):
            bounce_of(site.noted, "unknown@example.com", user)
        with open(root.path("/tmp/ran-as")) as ran_as:
            who = int(ran_as.read())
        check(who == root.uid(user), f"it ran as {who}")
    finally:
        root.write("/etc/procmailrc", PROCMAILRC)


# What fails


@test
def test_daemon_dead(site):
    """With the daemon dead a bounce arrives as it was, at once; it is restarted: explained."""
    user, filtered = site.new_users()
    site.daemon.kill()
    try:
        start = time.monotonic()
        plain, noted = site.arrivals(corpus("postfix-unknown"), "", user)
        check(time.monotonic() - start < 5, "it took long")
        check_unexplained(noted, "the daemon is dead")
        check_same(plain, noted, "the daemon is dead")
        plain, noted = site.arrivals(corpus("postfix-unknown"), "", filtered)
        check_explained(plain, without_added_line(plain, noted),
                        expected_causes("postfix-unknown"))
        plain, noted = site.arrivals(message("someone", address(user)), "someone@example.net",
                                     user)
        check_same(plain, noted, "the daemon is dead")
    finally:
        site.daemon.start()
    plain, noted = site.arrivals(corpus("postfix-unknown"), "", user)
    check_explained(plain, noted, expected_causes("postfix-unknown"))


@test
def test_daemon_hangs(site):
    """With a daemon that hangs a bounce arrives as it was, after the time that T= gives."""
    user, _ = site.new_users()
    site.daemon.signal(signal.SIGSTOP)
    try:
        start = time.monotonic()
        plain, noted = site.arrivals(corpus("postfix-unknown"), "", user, 60)
        took = time.monotonic() - start
        check_unexplained(noted, "the daemon hangs")
        check_same(plain, noted, "the daemon hangs")
        check(took < 25, f"it took {took:.1f} s")
    finally:
        site.daemon.signal(signal.SIGCONT)


@test
def test_unsafe_socket(site):
    """A socket in a folder that a group may write is not used, and mail arrives."""
    user, _ = site.new_users()
    folder = os.path.dirname(site.noted.root.path(SOCKET))
    os.chmod(folder, 0o775)
    try:
        plain, noted = site.arrivals(corpus("postfix-unknown"), "", user)
        check_unexplained(noted, "the socket is unsafe")
        check_same(plain, noted, "the socket is unsafe")
        check("unsafe" in site.noted.log(), "Sendmail says nothing about it")
    finally:
        os.chmod(folder, 0o755)


@test
def test_filter_fails(site):
    """With whybounce missing or failing, Sendmail's own bounces arrive as they were."""
    _, user = site.new_users()
    for script in FAILURES:
        with instead_of_whybounce(site, script):
            before, after = site.own_bounce("unknown@example.com", user)
            check(after == before, f"{script or 'missing'}: the bounce has changed")
    before, after = site.own_bounce("unknown@example.com", user)
    check_explained(before, without_added_line(before, after), ["mailbox-unknown"])


@contextlib.contextmanager
def instead_of_whybounce(site, script):
    """Puts a shell script, or with None nothing, in the place of whybounce."""
    root = site.noted.root
    try:
        replace_whybounce(root, script)
        yield
    finally:
        add_whybounce(root, site.build)


if __name__ == "__main__":
    sys.exit(SUITE.main(Site))

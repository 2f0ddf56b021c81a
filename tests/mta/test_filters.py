#!/usr/bin/env python3
"""End-to-end tests of the recipes in contrib for programs that deliver mail.

usage: test_filters.py [-k WORD] [-v] [-p FOLDER] [BUILD]

The arguments and what is printed are those of test_sendmail.py. Must run as root. Nothing
needs to be installed: procmail, Dovecot, maildrop, Exim and OpenSMTPD come from their Debian
packages, which are downloaded the first time. Each recipe is used word for word.

What is tested of each: bounces go in and come out explained, the rest of them byte for byte;
other mail comes out byte for byte; and with whybounce missing or failing the mail arrives as
it would without the recipe. Exim's and OpenSMTPD's own bounces are explained too.
"""

import contextlib
import functools
import os
import smtplib
import sys

sys.dont_write_bytecode = True
from daemon import HOSTNAME  # noqa: E402
from expect import (check_explained, check_same, check_unexplained,  # noqa: E402
                    without_added_line)
from machine import MachineError, free_port, wait_until  # noqa: E402
from mailparts import Explained, Part, check  # noqa: E402
from postfix import DOMAIN  # noqa: E402
from privateroot import PrivateRoot  # noqa: E402
from recipes import (FAILURES, REPLIES, SHARE, add_arguments, add_whybounce,  # noqa: E402
                     contrib, need_programs, replace_whybounce)
from refuser import Refuser  # noqa: E402
from samples import address, corpus, expected_causes, message  # noqa: E402
from smtp import greets, send, submit  # noqa: E402
from suite import Suite, first_line  # noqa: E402

BOUNCES = ("postfix-unknown", "exim-new-unknown", "sendmail-unknown", "exchange-2016",
           "qmail-unknown", "sendmail-delayed", "docomo-unknown", "eight-bit-undeclared")
PERSON = "anna.novak@example.net"  # the sender of ordinary mail

# Mail that no recipe may change: (name, envelope sender, mail).
ORDINARY = (
    ("short", PERSON, message("anna", "user@example.org")),
    ("with bytes above 127", PERSON,
     message("anna", "user@example.org") + bytes(range(128, 256)) + b"\n"),
    ("large", PERSON, message("anna", "user@example.org") + b"From here on\n.\n..\n\n" * 30000),
    ("an automatic answer", "",
     message("anna", "user@example.org", "Out of office").replace(
         b"Message-ID", b"Auto-Submitted: auto-replied\nMessage-ID", 1) + b"\n"),
    ("a large one from nobody", "",
     message("anna", "user@example.org") + b"The quick brown fox.\n" * 30000 + b"\n"),
)


# Programs, each with one way in: deliver()


class Mailer:
    """A program that delivers mail into ~/Maildir, in a root of its own, with `whybounce`.

    name       as people call it
    package    Debian's
    adds_line  it puts an empty line behind every mail that has passed a filter

    Mail for "user" goes through the recipe, mail for "plain" does not.
    """

    name = package = ""
    system_users = ()
    adds_line = False

    def __init__(self, build, folder):
        self.build = build
        self.root = PrivateRoot([self.package], ["user", "plain"], self.system_users, folder)
        try:
            add_whybounce(self.root, build)
            self.set_up()
        except BaseException:
            self.remove()
            raise

    def add_recipe(self, name):
        """Puts a file of contrib where the recipes say that it is; returns its path there."""
        self.root.write(f"{SHARE}/{name}", contrib(name))
        return f"{SHARE}/{name}"

    def set_up(self):
        """Writes the settings, and makes what the package would have made."""
        raise NotImplementedError

    def hand_over(self, mail, sender, user):
        """Gives the mail to the program, as a mail server does."""
        raise NotImplementedError

    def deliver(self, mail, sender="", user="user"):
        """Hands over a mail and returns it as it arrives."""
        count = len(self.root.mails(user))
        self.hand_over(mail, sender, user)
        arrived = self.root.wait_for_mail(count + 1, user=user)
        check(len(arrived) == count + 1, f"{len(arrived) - count} mails arrived")
        return arrived[-1]

    def both(self, mail, sender=""):
        """The mail as it arrives (without the recipe, with it)."""
        plain = self.deliver(mail, sender, "plain")
        noted = self.deliver(mail, sender, "user")
        return plain, without_added_line(plain, noted) if self.adds_line else noted

    def make_maildir(self, name, user):
        """An empty Maildir, for programs that do not make one."""
        for folder in ("", "/cur", "/new", "/tmp"):
            self.root.make_directory(f"/home/{user}/{name}{folder}", 0o700, user)

    def log(self):
        """All that the program has logged, as text."""
        return self.root.log()

    def remove(self):
        """Ends it; its folder is gone."""
        self.root.remove()


class Procmail(Mailer):
    name, package = "procmail", "procmail"
    adds_line = True

    def set_up(self):
        recipe = self.add_recipe("procmail/whybounce.rc")
        self.root.write("/etc/procmailrc", "DEFAULT=$HOME/Maildir/\n")
        self.root.write("/home/user/.procmailrc", f"INCLUDERC={recipe}\n", 0o644, "user")

    def hand_over(self, mail, sender, user):
        envelope = (f"From {sender or 'MAILER-DAEMON'} Tue Jun  3 14:02:00 2025\n"
                    f"Return-Path: <{sender}>\n")
        self.root.run("procmail", "-Y", "-a", "", "-d", user, input=envelope.encode() + mail)


class Maildrop(Mailer):
    name, package = "maildrop", "maildrop"

    def set_up(self):
        recipe = self.add_recipe("maildrop/whybounce.mailfilter")
        self.root.write("/etc/maildroprc", 'DEFAULT="$HOME/Maildir/"\n')
        self.root.write("/home/user/.mailfilter", f'include "{recipe}"\n', 0o600, "user")
        for user in self.root.users:
            self.make_maildir("Maildir", user)

    def hand_over(self, mail, sender, user):
        self.root.run("maildrop", "-f", sender, "-d", user, input=mail)


class Dovecot(Mailer):
    """dovecot-lda. The users have Sieve scripts too, which must run in any case."""

    name, package = "Dovecot", "dovecot-sieve"
    system_users = ("dovecot", "dovenull")
    protocol, more = "lda", ""

    def set_up(self):
        self.root.write("/etc/dovecot/dovecot.conf", f"""\
mail_location = maildir:~/Mail
hostname = {HOSTNAME}
postmaster_address = postmaster@{DOMAIN}
log_path = /dev/stderr
!include_try conf.d/*.conf
protocol {self.protocol} {{
  mail_plugins = $mail_plugins sieve
}}
{self.more}
""")
        for user in self.root.users:
            # The tests look into ~/Maildir only, and there only this script puts mail.
            self.root.write(f"/home/{user}/.dovecot.sieve",
                            'require "fileinto";\nfileinto "filed";\n', 0o644, user)
            self.make_maildir("Maildir", user)
            self.make_maildir("Mail", user)
            os.symlink("../Maildir", self.root.path(f"/home/{user}/Mail/.filed"))
        # As 95-whybounce.conf says.
        self.root.write("/etc/dovecot/conf.d/95-whybounce.conf",
                        contrib("sieve/95-whybounce.conf"))
        self.root.write("/etc/dovecot/whybounce.sieve", contrib("sieve/whybounce.sieve"))
        self.root.make_directory("/etc/dovecot/sieve-filter")
        os.symlink("/usr/local/bin/whybounce",
                   self.root.path("/etc/dovecot/sieve-filter/whybounce"))
        self.root.run("sievec", "/etc/dovecot/whybounce.sieve")

    def hand_over(self, mail, sender, user):
        options = ["-o", "plugin/sieve_before="] if user == "plain" else []
        self.root.run("/usr/lib/dovecot/dovecot-lda", *options, "-f", sender, "-a",
                      address(user), input=mail, user=user)


class DovecotLMTP(Dovecot):
    """Dovecot's server for LMTP, to which Postfix and others hand mail."""

    name, package = "Dovecot LMTP", "dovecot-lmtpd"
    protocol = "lmtp"

    def set_up(self):
        port = free_port()
        self.port = port
        self.more = f"""\
protocols = lmtp
ssl = no
auth_username_format = %n
passdb {{
  driver = passwd-file
  args = /etc/dovecot/users
}}
userdb {{
  driver = passwd-file
  args = /etc/dovecot/users
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"""
        self.root.write("/etc/dovecot/users", "".join(
            f"{user}::{self.root.uid(user)}:{self.root.uid(user)}::/home/{user}::{more}\n"
            for user, more in (("user", ""), ("plain", "userdb_sieve_before="))))
        super().set_up()
        process = self.root.start("/usr/sbin/dovecot", "-F")
        wait_until(lambda: process.poll() is not None or self._listens(), 20)
        if process.poll() is not None:
            raise MachineError(f"Dovecot does not start:\n{self.root.output()[-2000:]}")

    def _listens(self):
        try:
            with smtplib.LMTP("127.0.0.1", self.port, timeout=10):
                return True
        except (OSError, smtplib.SMTPException):
            return False

    def hand_over(self, mail, sender, user):
        # Dovecot 2.3 may panic when a program dies while it is written to ("output stream is
        # missing error handling"); a mail server keeps the mail then and tries again.
        for left in reversed(range(20)):
            try:
                with smtplib.LMTP("127.0.0.1", self.port, local_hostname=HOSTNAME,
                                  timeout=60) as client:
                    client.ehlo()
                    return send(client, mail, sender, [address(user)])
            except smtplib.SMTPServerDisconnected:
                if left == 0:
                    raise


class Server(Mailer):
    """A mail server: mail reaches it by SMTP, and what is for others goes to relay_port."""

    def __init__(self, build, folder, relay_port):
        self.relay_port = relay_port
        self.port = free_port()
        super().__init__(build, folder)

    def start(self, *command):
        """Starts it; on return it takes mail."""
        self.root.write(f"{SHARE}/whybounce-guard", contrib("exim/whybounce-guard"), 0o755)
        process = self.root.start(*command)
        wait_until(lambda: process.poll() is not None or greets(self.port), 20)
        if process.poll() is not None:
            raise MachineError(f"{self.name} does not start:\n{self.root.output()[-2000:]}\n"
                               f"{self.log()[-2000:]}")

    def hand_over(self, mail, sender, user):
        submit(self.port, mail, sender, address(user))

    def own_bounce(self, recipient):
        """The bounce that it makes when the recipient is refused."""
        count = len(self.root.mails())
        submit(self.port, message("user", recipient), address("user"), recipient)
        return self.root.wait_for_mail(count + 1)[-1]


class Exim(Server):
    name, package = "Exim", "exim4-daemon-light"
    system_users = ("Debian-exim",)

    def set_up(self):
        # It starts itself anew to become root again. Only its own user may do that here.
        program = self.root.path("/usr/sbin/exim4")
        os.chown(program, 0, self.root.uid("Debian-exim"))
        os.chmod(program, 0o4750)
        for name in ("/var/spool/exim4", "/var/log/exim4", "/run/exim4"):
            self.root.make_directory(name, 0o750, "Debian-exim")
        transport = """\
  driver = appendfile
  directory = $home/Maildir
  maildir_format
  delivery_date_add
  envelope_to_add
  return_path_add
"""
        self.root.write("/etc/exim4/exim4.conf", f"""\
primary_hostname = {HOSTNAME}
domainlist local_domains = {DOMAIN}
local_interfaces = 127.0.0.1
daemon_smtp_ports = {self.port}
acl_smtp_rcpt = accept
acl_smtp_data = accept
keep_environment =
log_file_path = syslog
syslog_duplication = false
begin routers
plain:
  driver = accept
  domains = +local_domains
  local_parts = plain
  check_local_user
  transport = plain_delivery
local:
  driver = accept
  domains = +local_domains
  check_local_user
  transport = local_delivery
others:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = relay
begin transports
relay:
  driver = smtp
  port = {self.relay_port}
  allow_localhost
plain_delivery:
{transport}
local_delivery:
{transport}
  .include {self.add_recipe("exim/whybounce.conf")}
begin retry
* * F,1h,1s
""")
        self.start("/usr/sbin/exim4", "-bdf", "-q1s")


class OpenSMTPD(Server):
    name, package = "OpenSMTPD", "opensmtpd"
    system_users = ("opensmtpd", "opensmtpq")

    def set_up(self):
        self.root.make_directory("/var/lib/opensmtpd/empty", 0o755)
        self.root.write("/etc/smtpd.conf", f"""\
include "{self.add_recipe("opensmtpd/whybounce.conf")}"
action "plain" maildir
action "relay" relay host smtp://127.0.0.1:{self.relay_port}
listen on 127.0.0.1 port {self.port} hostname {HOSTNAME}
match from any for rcpt-to "{address("plain")}" action "plain"
match from any for domain "{DOMAIN}" action "explained"
match from any for any action "relay"
""", 0o600)
        self.start("/usr/sbin/smtpd", "-F")


# Tests


def test_explained(mailer):
    """bounces come out explained, and the rest of them byte for byte."""
    for name in BOUNCES:
        plain, noted = mailer.both(corpus(name))
        check_unexplained(plain, f"{name}: there is no recipe")
        begin = "Not delivered yet to" if "delayed" in name else "Not delivered to"
        try:
            check_explained(plain, noted, expected_causes(name), begin)
        except AssertionError as problem:
            raise AssertionError(f"{name}: {problem}") from problem


def test_daemon_sender(mailer):
    """a bounce whose sender is mailer-daemon comes out explained."""
    plain, noted = mailer.both(corpus("postfix-unknown"), "mailer-daemon@example.com")
    check_explained(plain, noted, expected_causes("postfix-unknown"))


def test_ordinary(mailer):
    """other mail comes out byte for byte."""
    for name, sender, mail in ORDINARY:
        plain, noted = mailer.both(mail, sender)
        check(plain.endswith(mail.partition(b"\n\n")[2]), f"{name}: it changes mail by itself")
        check_same(plain, noted, name)


def test_once(mailer):
    """a bounce that was explained here before comes out as it is."""
    explained = mailer.root.run("whybounce", "filter", input=corpus("postfix-unknown")).stdout
    check(b"Explanation added by" in explained, "it cannot be explained")
    plain, noted = mailer.both(explained)
    check_same(plain, noted, "it was explained before")


def test_failures(mailer):
    """with whybounce missing or failing the mail arrives as it was."""
    bounce = corpus("postfix-unknown") + b"\n"
    large = message("anna", "user@example.org") + b"The quick brown fox.\n" * 30000 + b"\n"
    try:
        for script in FAILURES:
            for mail in (bounce, large):
                add_whybounce(mailer.root, mailer.build)
                replace_whybounce(mailer.root, script)
                plain, noted = mailer.both(mail)
                check_unexplained(noted, script or "missing")
                check_same(plain, noted, script or "missing")
    finally:
        add_whybounce(mailer.root, mailer.build)


def test_bad_settings(mailer):
    """with a fault in whybounced.conf the mail arrives as it was."""
    mailer.root.write("/etc/whybounced/whybounced.conf", "no_such_option = 1\n")
    try:
        plain, noted = mailer.both(corpus("postfix-unknown") + b"\n")
        check_same(plain, noted, "there is a fault in the settings")
    finally:
        add_whybounce(mailer.root, mailer.build)


def test_ordinary_is_free(mailer):
    """ordinary mail does not start whybounce."""
    replace_whybounce(mailer.root, "echo ran >/tmp/ran; exec cat")
    try:
        for name, sender, mail in ORDINARY:
            if sender == PERSON:
                mailer.deliver(mail, sender)
                check(not os.path.exists(mailer.root.path("/tmp/ran")), f"{name}: it ran")
        mailer.deliver(corpus("postfix-unknown"))
        check(os.path.exists(mailer.root.path("/tmp/ran")), "it never runs")
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(mailer.root.path("/tmp/ran"))
        add_whybounce(mailer.root, mailer.build)


def test_own_bounces(mailer):
    """its own bounces come out explained."""
    for name, cause in (("unknown", "mailbox-unknown"), ("full", "mailbox-full"),
                        ("large", "message-too-large")):
        bounce = mailer.own_bounce(f"{name}@example.com")
        found = check_explained_alone(bounce, cause)
        check(found["recipient"] == f"{name}@example.com", f"{found}")


def check_explained_alone(bounce, cause):
    """A bounce that is only there explained has this one cause; returns what it says."""
    found = Explained(Part(bounce))
    check([entry["cause"] for entry in found.causes] == [cause],
          f"explained as {found.causes}, not {cause}")
    check(b"Explanation added by " + HOSTNAME.encode() in bounce, "there is no explanation")
    return found.causes[0]


def test_guard_missing(mailer):
    """with whybounce-guard missing the mail arrives as it was."""
    guard = mailer.root.path(f"{SHARE}/whybounce-guard")
    os.rename(guard, guard + ".away")
    try:
        plain, noted = mailer.both(corpus("postfix-unknown"))
        check_same(plain, noted, "the guard is missing")
    finally:
        os.rename(guard + ".away", guard)


def test_guard(mailer):
    """whybounce-guard keeps the mail, logs the failure and leaves no file."""
    folder = mailer.root.path("/tmp")
    mark = len(mailer.log())
    try:
        replace_whybounce(mailer.root, "exec cat >/dev/null")  # says that all is well
        plain, noted = mailer.both(corpus("postfix-unknown"))
        check_same(plain, noted, "whybounce writes nothing")
        check("whybounce-guard: whybounce filter failed" in mailer.log()[mark:], "not logged")
        replace_whybounce(mailer.root, "echo a message >&2; exec cat")
        plain, noted = mailer.both(corpus("postfix-unknown"))
        check_same(plain, noted, "whybounce complains")
        check("whybounce-guard: a message" in mailer.log()[mark:], "the message is not logged")
    finally:
        add_whybounce(mailer.root, mailer.build)
    check(not os.listdir(folder), f"left in /tmp: {os.listdir(folder)}")
    os.chmod(folder, 0o755)
    try:
        plain, noted = mailer.both(corpus("postfix-unknown"))
        check_same(plain, noted, "there is no place for a file")
    finally:
        os.chmod(folder, 0o1777)


COMMON = (test_explained, test_daemon_sender, test_ordinary, test_once, test_failures,
          test_bad_settings, test_ordinary_is_free)
OF_SERVERS = COMMON + (test_own_bounces, test_guard, test_guard_missing)


class Site:
    """The programs, each started when its first test comes."""

    def __init__(self, options, stack):
        need_programs(options.build)
        self.options = options
        self.stack = stack
        self.refuser = stack.enter_context(Refuser(REPLIES))
        self.mailers = {}

    def mailer(self, kind):
        """The one of this class."""
        if kind not in self.mailers:
            more = [self.refuser.port] if issubclass(kind, Server) else []
            self.mailers[kind] = kind(self.options.build, self.options.packages, *more)
            self.stack.callback(self.mailers[kind].remove)
        return self.mailers[kind]

    def sources(self):
        """Everything that keeps a log."""
        return tuple(self.mailers.values())


def main():
    """Runs every test with every program; returns the exit status."""
    def bind(kind, function):
        @functools.wraps(function)
        def bound(site):
            function(site.mailer(kind))
        return bound

    suite = Suite(__doc__)
    add_arguments(suite.parser)
    for kind in (Procmail, Maildrop, Dovecot, DovecotLMTP, Exim, OpenSMTPD):
        for function in OF_SERVERS if issubclass(kind, Server) else COMMON:
            suite.add(f"{kind.name}: {first_line(function)}", bind(kind, function))
    return suite.main(Site)


if __name__ == "__main__":
    sys.exit(main())

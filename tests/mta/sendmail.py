"""A Sendmail of the tests' own, in a root directory of its own.

It listens on a free high port of 127.0.0.1; mail for example.org goes through procmail into
Maildirs, all other mail to a port on this machine that the caller names, so nothing can leave
the machine. It needs root.
"""

import os

from machine import Started, free_port, wait_until
from packages import PACKAGES, PackageError
from postfix import DOMAIN, HOSTNAME
from privateroot import PrivateRoot
from smtp import greets, submit

SENDMAIL_MC = """\
divert(0)dnl
define(`_USE_ETC_MAIL_')dnl
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`debian')dnl
DOMAIN(`debian-mta')dnl
define(`confDOMAIN_NAME', `{hostname}')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confSERVICE_SWITCH_FILE', `/etc/mail/service.switch-nodns')dnl
define(`confLOG_LEVEL', `14')dnl
define(`confMAX_DAEMON_CHILDREN', `100')dnl
dnl # no name is looked up, no mail leaves the machine
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`no_default_msa')dnl
DAEMON_OPTIONS(`Family=inet, Name=MTA-v4, Port={port}, Addr=127.0.0.1')dnl
define(`SMART_HOST', `relay:[127.0.0.1]')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {relay_port}')dnl
LOCAL_DOMAIN(`{domain}')dnl
{lines}
MAILER_DEFINITIONS
MAILER(`local')dnl
MAILER(`smtp')dnl
"""

PROCMAILRC = """\
DEFAULT=$HOME/Maildir/
"""


class PrivateSendmail(Started):
    """One instance. Use it in a `with` statement, or call start() and at the end remove().

    users        local parts that have a mailbox at example.org: accounts, as Sendmail wants
    relay_port   port on 127.0.0.1 where all mail for other domains goes
    lines        lines of its sendmail.mc, such as those of contrib/sendmail
    folder       where packages are kept
    root         its PrivateRoot, with procmail; /etc/procmailrc delivers into ~/Maildir
    """

    def __init__(self, users=("user",), relay_port=1, lines="", folder=PACKAGES):
        self.relay_port = relay_port
        self.lines = lines
        self.port = 0
        self.root = PrivateRoot(["sendmail-bin"], users, ("smmta", "smmsp"), folder)
        try:
            for name, mode in (("/var/spool/mqueue", 0o700), ("/var/lib/sendmail", 0o755)):
                self.root.make_directory(name, mode)
            for name in ("aliases", "local-host-names", "relay-domains", "trusted-users"):
                self.root.write(f"/etc/mail/{name}", "")
            self.root.write("/etc/procmailrc", PROCMAILRC)
        except BaseException:
            self.root.remove()
            raise

    def start(self):
        """Writes the configuration and starts Sendmail; on return it takes mail."""
        for _ in range(3):
            self.port = free_port()
            self.root.write("/etc/mail/sendmail.mc", SENDMAIL_MC.format(
                hostname=HOSTNAME, domain=DOMAIN, port=self.port, relay_port=self.relay_port,
                lines=self.lines))
            made = self.root.run("m4", "/etc/mail/sendmail.mc")
            self.root.write("/etc/mail/sendmail.cf", made.stdout)
            process = self.root.start("/usr/libexec/sendmail/sendmail", "-bD", "-q1s", "-C",
                                      "/etc/mail/sendmail.cf")
            wait_until(lambda: process.poll() is not None or greets(self.port), 20)
            if process.poll() is None:
                return
            self.stop()  # perhaps somebody else took the port meanwhile
        raise PackageError(f"Sendmail does not start:\n{self.root.output()[-2000:]}\n"
                           f"{self.log()[-4000:]}")

    def stop(self):
        """Ends all its processes; mail and queue stay, start() may follow."""
        self.root.end_processes()

    def remove(self):
        """stop(), and the folder with all mail in it is gone."""
        self.root.remove()

    def submit(self, message, sender, recipient):
        """Sends one message (bytes, LF or CRLF) as `sender` does with a mail program."""
        submit(self.port, message, sender, recipient)

    def inject(self, message, recipient):
        """submit() with the null sender, as another server hands over a bounce."""
        self.submit(message, "", recipient)

    def wait_for_mail(self, count, timeout=20, user="user"):
        """The user's mails as soon as there are `count`; PackageError after `timeout` s."""
        return self.root.wait_for_mail(count, timeout, user)

    def queue_empty(self):
        """True if no message waits for delivery."""
        return not os.listdir(self.root.path("/var/spool/mqueue"))

    def log(self):
        """All that it and procmail have logged, as text."""
        return self.root.log()

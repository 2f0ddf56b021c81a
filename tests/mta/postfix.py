"""A Postfix of the tests' own, beside the system's and out of its way.

PrivatePostfix writes its configuration, queue, data, mail and log below one new directory,
listens on a free high port of 127.0.0.1, and runs with the programs of the installed package.
/etc/postfix and /var/spool/postfix are never written, the system's instance need not run, and
any number of instances may run at once. It must be started as root, as every Postfix must.

Mail for example.org is put into Maildirs; all other mail goes to a port on this machine that
the caller names, so nothing can leave the machine. Retries come within a second or two.
"""

import fcntl
import os
import pwd
import shutil
import signal
import smtplib
import subprocess

from machine import (MachineError, Started, find_program, free_port, make_directory,
                     wait_until)
from maildir import read_maildir, wait_for_mails
from smtp import send

HOSTNAME = "mail.example.org"
DOMAIN = "example.org"
MAILBOX_OWNER = "nobody"  # the Maildirs' owner: the virtual(8) agent delivers as this user

MASTER_CF = """\
# service type  private unpriv chroot wakeup maxproc command
127.0.0.1:{port} inet n - n - - smtpd
pickup     unix  n       -       n       60      1       pickup
cleanup    unix  n       -       n       -       0       cleanup
qmgr       unix  n       -       n       300     1       qmgr
rewrite    unix  -       -       n       -       -       trivial-rewrite
bounce     unix  -       -       n       -       0       bounce
defer      unix  -       -       n       -       0       bounce
trace      unix  -       -       n       -       0       bounce
verify     unix  -       -       n       -       1       verify
flush      unix  n       -       n       1000?   0       flush
proxymap   unix  -       -       n       -       -       proxymap
smtp       unix  -       -       n       -       -       smtp
relay      unix  -       -       n       -       -       smtp
showq      unix  n       -       n       -       -       showq
error      unix  -       -       n       -       -       error
retry      unix  -       -       n       -       -       error
discard    unix  -       -       n       -       -       discard
local      unix  -       n       n       -       -       local
virtual    unix  -       n       n       -       -       virtual
anvil      unix  -       -       n       -       1       anvil
scache     unix  -       -       n       -       1       scache
postlog    unix-dgram n  -       n       -       1       postlogd
"""


class PostfixError(MachineError):
    """Postfix is missing, does not start, or does not do what was waited for."""


class PrivatePostfix(Started):
    """One instance. Use it in a `with` statement, or call start() and at the end remove().

    users           local parts that have a mailbox at example.org
    relay_port      port on 127.0.0.1 where all mail for other domains goes
    relays          {domain: port}, exceptions from that
    milter          "" or the milter's address in Postfix's form, "unix:/path" or
                    "inet:host:port"; it then sees mail that comes by SMTP and the bounces
                    that Postfix makes itself, and mail passes when it fails
    milter_options  more of its options, such as {"command_timeout": "2s"}
    settings        more lines of main.cf, or other values for those written here
    """

    def __init__(self, users=("user",), relay_port=1, relays=None, milter="",
                 milter_options=None, settings=None):
        self.users = tuple(users)
        self.relay_port = relay_port
        self.relays = dict(relays or {})
        self.milter = milter
        self.milter_options = dict(milter_options or {})
        self.settings = dict(settings or {})
        self.port = 0
        self.directory = None

    # Starting and stopping

    def start(self):
        """Writes the configuration and starts Postfix; on return it takes mail."""
        if os.geteuid() != 0:
            raise PostfixError("only root can start a Postfix")
        program = find_program("postfix")
        if self.directory is None:
            self._make_directories()
        if self._master_pid():
            raise PostfixError("started already")
        for _ in range(3):
            self.port = free_port()
            self._write_configuration()
            messages = self._run_start(program)
            if self._master_pid() and self._greets():
                return
            self.stop()  # perhaps somebody else took the port meanwhile
        raise PostfixError(f"Postfix does not start:\n{messages}\n{self.log()[-4000:]}")

    def stop(self):
        """Ends all processes of this instance; mail and queue stay, start() may follow."""
        master = self._master_pid()
        if not master:
            return
        try:  # the master leads a process group, and its services are in it
            os.killpg(master, signal.SIGTERM)
            wait_until(lambda: not self._master_pid(), 10)
            os.killpg(master, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def remove(self):
        """stop(), and the directory with all mail in it is gone."""
        self.stop()
        if self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = None

    def configuration(self):
        """The folder of main.cf and master.cf."""
        return self._path("etc")

    def _path(self, *names):
        return os.path.join(self.directory, *names)

    def _make_directories(self):
        self.directory = make_directory("private-postfix-")
        for name, owner, mode in (("etc", "root", 0o755), ("queue", "root", 0o755),
                                  ("data", "postfix", 0o700), ("mail", MAILBOX_OWNER, 0o755)):
            try:
                user = pwd.getpwnam(owner)
            except KeyError:
                raise PostfixError(f"there is no user {owner}: install the package postfix")
            os.mkdir(self._path(name))
            os.chmod(self._path(name), mode)
            os.chown(self._path(name), user.pw_uid, user.pw_gid)

    def _write_configuration(self):
        owner = pwd.getpwnam(MAILBOX_OWNER)
        etc = self._path("etc")
        main = {
            "compatibility_level": "3.6",
            "queue_directory": self._path("queue"),
            "data_directory": self._path("data"),
            "maillog_file": self._path("log"),
            "maillog_file_prefixes": self.directory,
            "inet_interfaces": "loopback-only",
            "inet_protocols": "ipv4",
            "myhostname": HOSTNAME,
            "mydomain": DOMAIN,
            "myorigin": HOSTNAME,
            "mydestination": "",
            "mynetworks": "127.0.0.0/8",
            "alias_maps": "",
            "alias_database": "",
            # No name is looked up, no mail leaves the machine.
            "smtp_dns_support_level": "disabled",
            "smtp_host_lookup": "native",
            "smtpd_peername_lookup": "no",
            "relayhost": f"[127.0.0.1]:{self.relay_port}",
            "transport_maps": f"texthash:{etc}/transport",
            # Mail for example.org goes into Maildirs.
            "virtual_mailbox_domains": DOMAIN,
            "virtual_mailbox_maps": f"texthash:{etc}/mailboxes",
            "virtual_mailbox_base": self._path("mail"),
            "virtual_uid_maps": f"static:{owner.pw_uid}",
            "virtual_gid_maps": f"static:{owner.pw_gid}",
            "virtual_mailbox_limit": "0",
            # Mail from SMTP is taken as it is, and a test may pose as another client.
            "local_header_rewrite_clients": "",
            "smtpd_authorized_xclient_hosts": "127.0.0.1",
            "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
            "smtpd_client_connection_rate_limit": "0",
            "smtpd_client_connection_count_limit": "0",
            # Whole messages come back; what is late is tried again at once.
            "bounce_size_limit": "10000000",
            "notify_classes": "",
            "queue_run_delay": "1s",
            "minimal_backoff_time": "1s",
            "maximal_backoff_time": "2s",
            "transport_retry_time": "1s",
            "default_destination_rate_delay": "0s",
        }
        if self.milter:
            options = {"default_action": "accept", **self.milter_options}
            milter = "{ %s }" % ", ".join(
                [self.milter] + [f"{name}={value}" for name, value in options.items()])
            main["smtpd_milters"] = milter
            main["non_smtpd_milters"] = milter
            main["internal_mail_filter_classes"] = "bounce"
        main.update(self.settings)
        self._write("main.cf", "".join(f"{name} = {value}\n" for name, value in main.items()))
        self._write("master.cf", MASTER_CF.format(port=self.port))
        self._write("mailboxes", "".join(f"{user}@{DOMAIN} {user}/\n" for user in self.users))
        self._write("transport", "".join(f"{domain} smtp:[127.0.0.1]:{port}\n"
                                         for domain, port in self.relays.items()))

    def _write(self, name, text):
        path = self._path("etc", name)
        with open(path, "w") as out:
            out.write(text)
        os.chmod(path, 0o644)

    def _run_start(self, program):
        """`postfix start`, not interrupted half-way; returns what it said."""
        start = subprocess.Popen([program, "-c", self._path("etc"), "start"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, umask=0o022, start_new_session=True)
        try:
            return start.communicate(timeout=60)[0].decode(errors="replace")
        except BaseException:
            start.communicate(timeout=60)
            raise

    def _master_pid(self):
        """The process id of the running master, or 0. The master holds a lock on its file;
        a number left in there by one that has ended may be another process by now."""
        try:
            with open(self._path("queue", "pid", "master.pid"), "r+") as pid_file:
                try:
                    fcntl.flock(pid_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    return int(pid_file.read())
        except (OSError, ValueError, TypeError):
            pass
        return 0

    def _greets(self):
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=10) as client:
                return client.noop()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False

    # Sending

    def connect(self, client=None):
        """An smtplib.SMTP after EHLO. With `client`, an IP address, Postfix and the milter
        take the connection for one from there."""
        smtp = smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.example.org",
                            timeout=60)
        smtp.ehlo()
        if client is not None:
            code, text = smtp.docmd("XCLIENT", f"ADDR={client} NAME=mx.example.net")
            if code != 220:
                raise PostfixError(f"XCLIENT: {code} {text}")
            smtp.ehlo("mx.example.net")
        return smtp

    def submit(self, message, sender, recipients, client=None, options=()):
        """Sends one message (bytes, LF or CRLF) as `sender` does with a mail program.

        Returns the queue id. Raises smtplib.SMTPException if it is not taken as a whole;
        `options` go with every RCPT, such as "NOTIFY=SUCCESS".
        """
        if isinstance(recipients, str):
            recipients = [recipients]
        with self.connect(client) as smtp:
            return self.send(smtp, message, sender, recipients, options)

    def send(self, smtp, message, sender, recipients, options=()):
        """submit() over a connection made by connect(), for many messages."""
        said = send(smtp, message, sender, recipients, options)
        return said.split()[-1].decode()

    def inject(self, message, recipients, client=None):
        """submit() with the null sender, as another server hands over a bounce."""
        return self.submit(message, "", recipients, client)

    # Looking

    def mails(self, user="user"):
        """All mails in the user's mailbox as bytes with LF, the first delivered first."""
        return read_maildir(self._path("mail", user))

    def wait_for_mail(self, count, timeout=20, user="user"):
        """mails(user) as soon as there are `count`; PostfixError after `timeout` seconds."""
        mails = wait_for_mails(self._path("mail", user), count, timeout)
        if len(mails) < count:
            raise PostfixError(f"{len(mails)} of {count} mails for {user} after {timeout} s")
        return mails

    def queue_empty(self):
        """True if no message waits for delivery in any queue."""
        return not any(self._count(queue) for queue in
                       ("maildrop", "incoming", "active", "deferred", "hold"))

    def corrupt(self):
        """How many messages Postfix found damaged in its own queue, and put aside for ever."""
        return self._count("corrupt")

    def _count(self, queue):
        return sum(len(files) for _, _, files in os.walk(self._path("queue", queue)))

    def wait_until_idle(self, timeout=20):
        """Waits until the queue is empty; PostfixError after `timeout` seconds."""
        # A file moves from queue to queue, so one look may miss it.
        if not wait_until(lambda: all(self.queue_empty() for _ in range(3)), timeout):
            raise PostfixError(f"the queue is not empty after {timeout} s")

    def log(self):
        """All that Postfix has logged, as text."""
        try:
            with open(self._path("log"), errors="replace") as log:
                return log.read()
        except (OSError, TypeError):
            return ""

#!/usr/bin/env python3
"""End-to-end tests: a real Postfix, a server that refuses mail, and the real daemon.

usage: test_mta.py [-k WORD] [-v] [PROGRAM]

    -k WORD    only tests with WORD in their name
    -v         with a failed test, Postfix's and the daemon's log
    PROGRAM    the daemon; build/whybounced if not given

Must run as root, with Postfix installed. Prints `ok N - name` or `not ok N - name` a test,
and exits 1 if any failed or nothing could be tried at all. A mail is always asserted on as
it lies in the mailbox, and compared with the same mail from a Postfix without milter.
"""

import concurrent.futures
import contextlib
import glob
import itertools
import os
import re
import signal
import smtplib
import socket
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from daemon import HOSTNAME, PROGRAM, Daemon, run_as_nobody  # noqa: E402
from expect import check_cause, check_explanation, check_plain  # noqa: E402
from machine import CHECKOUT, wait_until  # noqa: E402
from mailparts import Part, causes, check, compare, normalise, words_of_html  # noqa: E402
from postfix import PrivatePostfix  # noqa: E402
from refuser import Refusal, Refuser  # noqa: E402
from samples import EXIM_REPORT, address, foreign_report, message  # noqa: E402
from suite import Suite  # noqa: E402
from tap import comment  # noqa: E402

STRANGER = "192.0.2.77"  # a client that is not this machine, for XCLIENT
CORPUS_LIMIT = 200  # so many mails of tests/corpus are tried, evenly chosen

SUITE = Suite(__doc__)
SUITE.parser.add_argument("program", nargs="?", default=PROGRAM)
test = SUITE.test

# Replies by recipient. What is expected of each is in test_replies.
REPLIES = {
    "unknown": Refusal("rcpt", "550 5.1.1 <unknown@example.com>: Recipient address rejected: "
                               "User unknown in virtual mailbox table"),
    "spam": Refusal("end", "550 High probability of spam"),
    "full": Refusal("rcpt", "552 5.2.2 <full@example.com> Quota exceeded (mailbox for user "
                            "is full)"),
    "listed": Refusal("rcpt", "554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked "
                              "using zen.spamhaus.org; "
                              "https://www.spamhaus.org/query/ip/192.0.2.25"),
    "large": Refusal("data", "552 5.3.4 Message size exceeds fixed limit"),
    "gone": Refusal("rcpt", "550-5.1.1 The email account that you tried to reach does not "
                            "exist. Please try\n"
                            "550-5.1.1 double-checking the recipient's email address for typos "
                            "or\n"
                            "550 5.1.1 unnecessary spaces. For more information, go to "
                            "https://support.google.com/mail/?p=NoSuchUser"),
    "late": Refusal("rcpt", "452 4.2.2 <late@example.com> Mailbox full"),
}


# The place where all tests happen


class Site:
    """Servers for all tests.

    noted    a Postfix with the milter `daemon`; it warns and gives up after seconds
    plain    the same without milter: what arrives there is how a mail must look otherwise
    frail    a Postfix that waits 2 s for its milter; tests break and restart `victim`
    """

    def __init__(self, options, stack):
        self.program = program = options.program
        self.refuser = stack.enter_context(Refuser(REPLIES))
        self.closed = stack.enter_context(Refuser(connect="554 5.7.1 No mail from you here"))
        self.daemon = stack.enter_context(Daemon(program))
        self.victim = stack.enter_context(Daemon(program))
        users = ["user", "corpus"] + [f"user{number}" for number in range(200)]
        common = {
            "users": users, "relay_port": self.refuser.port,
            "relays": {"closed.example.com": self.closed.port},
        }
        hasty = {"delay_warning_time": "1s", "maximal_queue_lifetime": "5s"}
        settings = {"recipient_delimiter": "+", "smtp_skip_5xx_greeting": "no"}
        patience = {"connect_timeout": "2s", "command_timeout": "2s", "content_timeout": "2s"}
        self.noted = PrivatePostfix(milter=self.daemon.milter, settings={**settings, **hasty},
                                    **common)
        self.plain = PrivatePostfix(settings=settings, **common)
        self.frail = PrivatePostfix(milter=self.victim.milter, milter_options=patience,
                                    settings=settings, **common)
        servers = (self.noted, self.plain, self.frail)
        for server in servers:
            stack.callback(server.remove)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(PrivatePostfix.start, servers))
        self._users = iter(users[2:])

    def sources(self):
        """Everything that keeps a log."""
        return (self.noted, self.plain, self.frail, self.daemon, self.victim)

    def ready(self):
        """A failed test must not fail the next ones."""
        if not self.victim.running():
            self.victim.start()

    def new_user(self):
        """A mailbox that no other test uses."""
        return next(self._users)

    def bounce(self, server, recipient, user=None, **parts):
        """Sends a message to `recipient` through `server`; returns the bounce as delivered."""
        user = user or self.new_user()
        server.submit(message(user, recipient, **parts), address(user), recipient)
        return server.wait_for_mail(1, user=user)[0]

    def both_bounces(self, recipient, **parts):
        """The same bounce (without milter, with milter), ids and dates made equal."""
        user = self.new_user()
        return [normalise(self.bounce(server, recipient, user, **parts))
                for server in (self.plain, self.noted)]

    def both_arrivals(self, mail, client=None):
        """The same mail injected into the Postfix without and the one with milter."""
        user = self.new_user()
        arrived = []
        for server in (self.plain, self.noted):
            server.inject(mail, address(user), client)
            arrived.append(server.wait_for_mail(1, user=user)[0])
        return arrived


# Bounces that Postfix makes itself


@test
def test_own_bounce(site):
    """A bounce that Postfix makes itself arrives explained, the rest of it byte for byte."""
    plain, noted = site.both_bounces("unknown@example.com")
    found = compare(plain, noted)
    check_cause(found, "unknown@example.com", "mailbox-unknown", code="550", status="5.1.1",
                fix="sender", reply=REPLIES["unknown"].reply)
    check_explanation(found, "unknown@example.com")
    check("What happened" in found.text and "Who can fix it" in found.text,
          f"headings are missing:\n{found.text}")
    old, new = Part(plain), Part(noted)
    check([part.type for part in old.children]
          == ["text/plain", "message/delivery-status", "message/rfc822"],
          "Postfix makes other bounces than this test knows")
    check(old.children[1].raw == new.children[1].raw, "message/delivery-status is different")
    check(old.children[2].raw == new.children[2].raw, "the returned message is different")
    text = new.leaves()[0]
    check(text.body == found.text.encode("ascii") + old.children[0].body,
          "the old text does not follow the explanation byte for byte")
    check(old.children[0].body.startswith(b"This is the mail system at host"),
          "the old text is not Postfix's")


@test
def test_replies(site):
    """Each reply gets its cause: at RCPT, DATA and end of data, of one line and of several."""
    expected = {
        "spam": ("spam-content", "550", None, None),
        "full": ("mailbox-full", "552", "5.2.2", "recipient"),
        "listed": ("server-blocklisted", "554", "5.7.1", None),
        "large": ("message-too-large", "552", "5.3.4", None),
        "gone": ("mailbox-unknown", "550", "5.1.1", "sender"),
    }
    users = {name: site.new_user() for name in expected}
    for server in (site.plain, site.noted):
        for name, user in users.items():
            recipient = f"{name}@example.com"
            server.submit(message(user, recipient), address(user), recipient)
    for name, (cause, code, status, fix) in expected.items():
        recipient = f"{name}@example.com"
        plain, noted = [normalise(server.wait_for_mail(1, user=users[name])[0])
                        for server in (site.plain, site.noted)]
        found = compare(plain, noted)
        reply = REPLIES[name].reply
        check_cause(found, recipient, cause, code=code, status=status, fix=fix,
                    reply=None if "\n" in reply else reply)
        check_explanation(found, recipient)


@test
def test_refused_greeting(site):
    """Refused in the greeting and at MAIL: explained."""
    user = site.new_user()
    site.refuser.table[user] = Refusal("mail", "553 5.1.8 Sender refused")
    for recipient, sender, reply in (
            ("anna@closed.example.com", site.new_user(), "554 5.7.1 No mail from you here"),
            ("anna@example.com", user, "553 5.1.8 Sender refused")):
        plain, noted = [normalise(site.bounce(server, recipient, sender))
                        for server in (site.plain, site.noted)]
        found = compare(plain, noted)
        check_explanation(found, recipient)
        check_cause(found, recipient, found.causes[0]["cause"], code=reply[:3],
                    status=reply[4:9], reply=reply)


@test
def test_two_recipients(site):
    """Two recipients with two causes in one bounce: both explained, a field each."""
    user = site.new_user()
    recipients = ["unknown@example.com", "full@example.com", "accepted@example.com"]
    arrived = []
    for server in (site.plain, site.noted):
        server.submit(message(user, ", ".join(recipients)), address(user), recipients)
        arrived.append(normalise(server.wait_for_mail(1, user=user)[0]))
    found = compare(*arrived)
    check(len(found.causes) == 2, f"{len(found.causes)} Bounce-Cause, not 2")
    check_cause(found, recipients[0], "mailbox-unknown", code="550", status="5.1.1")
    check_cause(found, recipients[1], "mailbox-full", code="552", status="5.2.2")
    check_explanation(found, *recipients[:2])
    check(recipients[2] not in found.text, "the recipient who got the mail is named")


@test
def test_difficult_message(site):
    """A returned message with UTF-8, dots, long lines and false boundaries comes back whole."""
    body = ("Zażółć gęślą jaźń – 日本語\n"
            ".\n..\n.dot\n"
            "From me to you\n"
            "--\nsignature\n"
            "--0123456789.1700000000/mail.example.org\n"
            "Content-Type: message/delivery-status\n\n"
            "Final-Recipient: rfc822; forged@example.com\n"
            "Action: failed\nStatus: 5.2.2\n\n"
            + "x" * 900 + "\n"
            "trailing blanks   \n\t\n\n\n").encode()
    fields = ("MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
              "Content-Transfer-Encoding: 8bit\n")
    plain, noted = site.both_bounces("unknown@example.com", body=body, fields=fields)
    check(body.rstrip(b"\n") in noted, "the returned message is not whole")
    found = compare(plain, noted)
    check(len(found.causes) == 1, f"{len(found.causes)} Bounce-Cause, not 1")
    check_cause(found, "unknown@example.com", "mailbox-unknown", code="550", status="5.1.1")
    check_explanation(found, "unknown@example.com")


@test
def test_large_bounce(site):
    """A bounce of 400 kB, many packets of the milter protocol, is explained and whole."""
    body = b"".join(b"line %06d of a large message %s\n" % (number, b"-" * (number % 60))
                    for number in range(7000))
    plain, noted = site.both_bounces("unknown@example.com", body=body)
    check(len(plain) > 400000, f"Postfix returned {len(plain)} bytes only")
    found = compare(plain, noted)
    check_cause(found, "unknown@example.com", "mailbox-unknown", code="550", status="5.1.1")
    check_explanation(found, "unknown@example.com")


@test
def test_delay_and_timeout(site):
    """A late message: first explained as late, and when time has run out as failed."""
    user = site.new_user()
    site.noted.submit(message(user, "late@example.com"), address(user), "late@example.com")
    late, failed = site.noted.wait_for_mail(2, user=user, timeout=30)
    for mail, action, begin in ((late, "delayed", "Not delivered yet to"),
                                (failed, "failed", "Not delivered to")):
        found = compare(mail, mail)  # there is no other to compare it with
        check_cause(found, "late@example.com", "mailbox-full", action=action, code="452",
                    status="4.2.2", reply=REPLIES["late"].reply)
        text = Part(mail).leaves()[0].text()
        check(text.startswith(f"{begin} late@example.com"), f"begins {text[:80]!r}")
        check(text.index("Explanation added by") < text.index("This is the mail system"),
              "the explanation does not stand first")


@test
def test_success_report(site):
    """A report of success, which the sender asked for, is explained as such."""
    user = site.new_user()
    arrived = []
    for server in (site.plain, site.noted):
        server.submit(message(user, "accepted@example.com"), address(user),
                      "accepted@example.com", options=["NOTIFY=SUCCESS"])
        arrived.append(normalise(server.wait_for_mail(1, user=user)[0]))
    found = compare(*arrived)
    check_cause(found, "accepted@example.com", "delivered", action="relayed")
    check(re.match("Delivered to|Handed on", found.text), f"begins {found.text[:60]!r}")


@test
def test_log_line(site):
    """The daemon logs one line a bounce, with its queue id, the recipient and the cause."""
    noted = site.bounce(site.noted, "unknown@example.com")
    queue_id = re.search(r"\bid ([0-9A-F]+)", Part(noted).get("Received")[0])[1]
    lines = [line for line in site.daemon.log().splitlines() if queue_id in line]
    check(len(lines) == 1, f"{len(lines)} lines with {queue_id}: {lines}")
    check("unknown@example.com" in lines[0] and "mailbox-unknown" in lines[0], lines[0])


# Mail that comes by SMTP

SIGNED_REPORT = foreign_report().replace(
    b"From: <postmaster", b"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=x;\n"
    b"\th=from:to:subject; bh=MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=;\n"
    b"\tb=MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=\nFrom: <postmaster", 1)

VACATION = b"""\
From: Anna Novak <anna.novak@example.com>
To: jan@example.org
Subject: Out of office: Invoice 2024-117
Date: Tue, 03 Jun 2025 14:02:09 +0000
Message-ID: <away@mx.example.com>
Auto-Submitted: auto-replied (vacation)
Precedence: bulk

I am away until Monday. Your mail was not lost.
"""


@test
def test_foreign_report(site):
    """A report of another server, text and HTML in quoted-printable: explained in both."""
    found = compare(*site.both_arrivals(foreign_report()))
    check_cause(found, "anna.novak@example.com", "mailbox-unknown", code="550",
                status="5.1.10")
    check_explanation(found, "anna.novak@example.com")
    check(found.html and "added by" in words_of_html(found.html), "the HTML is not explained")


@test
def test_exim_report(site):
    """A report whose only text is plain, from a client that is not this machine: explained."""
    found = compare(*site.both_arrivals(EXIM_REPORT, STRANGER))
    check_cause(found, "anna.novak@example.com", "mailbox-full", code="552", fix="recipient",
                reply="552 5.2.2 Mailbox full")
    check_explanation(found, "anna.novak@example.com")


@test
def test_signed_report(site):
    """A bounce with a DKIM signature gets header fields only."""
    found = compare(*site.both_arrivals(SIGNED_REPORT))
    check_cause(found, "anna.novak@example.com", "mailbox-unknown", code="550")
    check(found.text == "" and found.html is None, "the signed body was changed")


@test
def test_own_bounce_again(site):
    """Postfix's own bounce by SMTP from elsewhere: equal to the last byte besides the text."""
    bounce = site.bounce(site.plain, "unknown@example.com")
    found = compare(*site.both_arrivals(bounce, STRANGER))
    check_cause(found, "unknown@example.com", "mailbox-unknown", code="550", status="5.1.1")
    check_explanation(found, "unknown@example.com")


@test
def test_explained_already(site):
    """A bounce that this site has explained comes in again: nothing is added."""
    noted = site.bounce(site.noted, "unknown@example.com")
    again = site.both_arrivals(noted)
    old, new = (Part(mail) for mail in again)
    check(old.body == new.body, "the body was changed again")
    check(len(causes(new)) == 1 and old.get("Bounce-Cause") == new.get("Bounce-Cause"),
          f"Bounce-Cause: {new.get('Bounce-Cause')}")
    check(old.get("Bounce-Explanation") == new.get("Bounce-Explanation"), "another title")


@test
def test_corpus(site):
    """Every mail of tests/corpus arrives, whole, explained if it is a bounce."""
    names = sorted(glob.glob(os.path.join(CHECKOUT, "tests", "corpus", "**", "*.eml"),
                             recursive=True))
    step = len(names) / CORPUS_LIMIT
    if step > 1:
        names = [names[int(number * step)] for number in range(CORPUS_LIMIT)]
    print(f"# tests/corpus: {len(names)} mails")
    arrived = []
    for server in (site.plain, site.noted):
        with server.connect(STRANGER) as client:
            for number, name in enumerate(names):
                with open(name, "rb") as file:
                    mail = file.read()
                # A report comes from the null sender, whatever is in the sample.
                sender = "" if _is_bounce(name) else _return_path(mail)
                server.send(client, mail, sender, [address(f"corpus+{number}")])
        mails = server.wait_for_mail(len(names), user="corpus", timeout=60)
        arrived.append({Part(mail).get("X-Original-To")[0]: mail for mail in mails})
        check(len(mails) == len(arrived[-1]) == len(names), "mails are lost or doubled")
    problems = []
    for number, name in enumerate(names):
        key = address(f"corpus+{number}")
        try:
            found = compare(arrived[0][key], arrived[1][key])
            if _is_bounce(name):
                check(found.causes, "a bounce, but not explained")
            elif _is_bounce(name) is False:
                check_plain(found, "no bounce")
        except AssertionError as problem:
            problems.append(f"{os.path.relpath(name, CHECKOUT)}: {problem}")
    check(not problems, f"{len(problems)} mails:\n" + "\n".join(problems[:20]))


def _return_path(mail):
    """The envelope sender that a corpus mail had: if it does not tell, whom it is from."""
    header = mail.partition(b"\n\n")[0]
    match = (re.search(rb"(?mi)^Return-Path: *<([^>\s]*)>", header) or
             re.search(rb"(?mi)^From: .*?([!-;=?-~]+@[!-;=?-~]+)>?$", header))
    return match[1].decode() if match else ""


def _is_bounce(name):
    """What NAME.want beside a corpus mail says: "none" or a line a recipient. None without."""
    try:
        with open(os.path.splitext(name)[0] + ".want", errors="replace") as wanted:
            return wanted.read().strip() != "none"
    except OSError:
        return None


@test
def test_ordinary_mail(site):
    """Ordinary mail is untouched, short, long and with 8 bits; so is an auto-reply from <>."""
    user = site.new_user()
    mails = [message(user, address(user)),
             message(user, address(user), body=b".line\n" * 40000),
             message(user, address(user), subject="Undelivered Mail Returned to Sender",
                     body="Zażółć\n".encode(),
                     fields="Content-Type: text/plain; charset=utf-8\n"
                            "Content-Transfer-Encoding: 8bit\nMIME-Version: 1.0\n")]
    for mail in mails:
        user = site.new_user()
        arrived = []
        for server in (site.plain, site.noted):
            server.submit(mail, "somebody@example.net", address(user), STRANGER)
            arrived.append(server.wait_for_mail(1, user=user)[0])
        check_plain(compare(*arrived), "no bounce")
        check(arrived[1].endswith(mail), "the message is not as it was sent")
    plain, noted = site.both_arrivals(VACATION, STRANGER)
    check_plain(compare(plain, noted), "no bounce")
    check(noted.endswith(VACATION), "the auto-reply is not as it was sent")


@test
def test_forged_fields(site):
    """Forged Bounce-Cause fields: gone from every mail that is looked at, others are let be."""
    forged = (b'Bounce-Cause: mailbox-full; recipient="forged@example.com"; action=failed;\n'
              b' fix=recipient; by=%s\n'
              b"Bounce-Explanation: Forged\n")
    other, ours = forged % b"mx.example.net", forged % HOSTNAME.encode()
    # In a bounce from elsewhere, several times, also with our own name.
    for client in (STRANGER, "127.0.0.1"):
        lies = other + other.upper() if client == "127.0.0.1" else other + ours + ours
        head, rest = foreign_report().split(b"Content-Language:", 1)
        mail = lies + head + lies + b"Content-Language:" + rest
        found = compare(*site.both_arrivals(mail, client))
        check(len(found.causes) == 1 and len(found.titles) == 1,
              f"from {client}: {found.causes} {found.titles}")
        check_cause(found, "anna.novak@example.com", "mailbox-unknown", code="550")
        check_explanation(found, "anna.novak@example.com")
    # In a mail with the null sender that is no bounce.
    plain, noted = site.both_arrivals(ours + VACATION, STRANGER)
    check_plain(compare(plain, noted), "no bounce")
    check(b"Forged" not in noted and noted.endswith(VACATION), "the auto-reply kept them")
    # Mail from a person costs nothing: it is not looked at.
    user = site.new_user()
    mail = other + message(user, address(user))
    site.noted.submit(mail, "somebody@example.net", address(user), STRANGER)
    check(site.noted.wait_for_mail(1, user=user)[0].endswith(mail),
          "mail from a person was changed")


@test
def test_inet_socket(site):
    """The daemon on a TCP socket explains as well."""
    with Daemon(site.program, inet=True) as daemon, \
            PrivatePostfix(relay_port=site.refuser.port, milter=daemon.milter) as server:
        server.submit(message("user", "unknown@example.com"), "user@example.org",
                      "unknown@example.com")
        server.inject(foreign_report(), "user@example.org")
        for mail in server.wait_for_mail(2):
            check(len(causes(Part(mail))) == 1, "not explained")


# The daemon dead, slow, killed. These tests leave site.victim running.


@contextlib.contextmanager
def victim_away(site):
    """The daemon is killed and its socket gone; afterwards it runs again."""
    site.victim.kill()
    with contextlib.suppress(FileNotFoundError):
        os.unlink(site.victim.socket_path)
    try:
        yield
    finally:
        site.victim.start()


def check_unexplained(site, user, own="unknown@example.com"):
    """A bounce by Postfix itself and one by SMTP arrive through `frail` unexplained, whole."""
    plain = normalise(site.bounce(site.plain, own, user))
    site.plain.inject(foreign_report(), address(user))
    plain_foreign = site.plain.wait_for_mail(2, user=user)[1]
    site.frail.submit(message(user, own), address(user), own)
    site.frail.wait_for_mail(1, user=user)
    site.frail.inject(foreign_report(), address(user))
    arrived = site.frail.wait_for_mail(2, user=user)
    check_plain(compare(plain, normalise(arrived[0])), "no daemon")
    check_plain(compare(plain_foreign, arrived[1]), "no daemon")
    site.frail.wait_until_idle()
    check(len(site.frail.mails(user)) == 2, "a mail came twice")


@test
def test_socket_missing(site):
    """Daemon dead, socket gone: bounces arrive unexplained and whole."""
    with victim_away(site):
        check_unexplained(site, site.new_user())


@test
def test_socket_stale(site):
    """Daemon dead by kill -9, socket left behind: the same, and it starts again on it."""
    site.victim.kill()
    check(os.path.exists(site.victim.socket_path), "kill -9 removed the socket")
    check_unexplained(site, site.new_user())
    site.victim.start()
    check(causes(Part(site.bounce(site.frail, "unknown@example.com"))), "not explained again")


@test
def test_stopped(site):
    """Daemon stopped by SIGSTOP: bounces arrive unexplained and whole after the time-out."""
    site.victim.signal(signal.SIGSTOP)
    try:
        check_unexplained(site, site.new_user())
    finally:
        site.victim.signal(signal.SIGCONT)
    check(causes(Part(site.bounce(site.frail, "unknown@example.com"))), "not explained again")


@test
def test_stopped_within_mail(site):
    """SIGSTOP and kill -9 between two lines of a mail: it arrives once and whole."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        user = site.new_user()
        mail = foreign_report().replace(b"\n", b"\r\n")
        site.plain.inject(mail, address(user))
        with site.frail.connect() as client:
            client.mail("")
            client.rcpt(address(user))
            check(client.docmd("DATA")[0] == 354, "DATA was not taken")
            client.send(mail[:len(mail) // 2])
            site.victim.signal(number)
            client.send(mail[len(mail) // 2:] + b".\r\n")
            code, text = client.getreply()
        if number == signal.SIGSTOP:
            site.victim.signal(signal.SIGCONT)
        else:
            site.victim.kill()
            site.victim.start()
        check(code == 250, f"not taken: {code} {text}")
        arrived = site.frail.wait_for_mail(1, user=user)
        check_plain(compare(site.plain.wait_for_mail(1, user=user)[0], arrived[0]), "no daemon")
        site.frail.wait_until_idle()
        check(len(site.frail.mails(user)) == 1, "it came twice")


class Meddler:
    """Stands between Postfix and the daemon, and meddles with what the daemon sends.

    In every connection the daemon's `number`th packet of this kind ("i": insert a header
    field, "b": replace the body or append to it) is given to meddle(socket to Postfix, packet).
    That sends what it likes; the connection is cut on both sides if it returns False.
    """

    def __init__(self, path, target, kind, number, meddle):
        self.target, self.kind, self.number, self.meddle = target, kind.encode(), number, meddle
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        os.chmod(path, 0o777)
        self._listener.listen(50)

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc):
        # close() alone does not wake accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                postfix, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(postfix,), daemon=True).start()

    def _serve(self, postfix):
        with postfix, socket.socket(socket.AF_UNIX) as daemon:
            try:
                daemon.connect(self.target)
            except OSError:
                return
            forward = threading.Thread(target=self._forward, args=(postfix, daemon), daemon=True)
            forward.start()
            with contextlib.suppress(OSError), daemon.makefile("rb") as packets:
                count = 0
                while len(size := packets.read(4)) == 4:
                    packet = size + packets.read(struct.unpack(">I", size)[0])
                    if packet[4:5] == self.kind:
                        count += 1
                    if packet[4:5] != self.kind or count != self.number:
                        postfix.sendall(packet)
                    elif not self.meddle(postfix, packet):
                        break
            for side in (postfix, daemon):
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)
            forward.join(5)

    @staticmethod
    def _forward(postfix, daemon):
        with contextlib.suppress(OSError):
            while chunk := postfix.recv(65536):
                daemon.sendall(chunk)
            daemon.shutdown(socket.SHUT_WR)


@test
def test_cut_within_edits(site):
    """The connection breaks in the middle of an edit: each bounce arrives once, and whole.

    Not tried: a break between the first whole packet with a new body and the packet after the
    last one. There Postfix (3.7, seen in milter8.c) takes default_action=accept although it has
    not ended the body in its queue file, finds the file damaged and moves it to the queue
    "corrupt". Only default_action=tempfail avoids that, so the daemon must not stop there.
    """
    _check_cuts(site, ("i", 1), ("i", 2), ("b", 1))


@test
def test_cut_at_verdict(site):
    """The connection breaks after all edits, at the verdict: each bounce arrives once, and whole.

    Postfix ends a new body when the next packet comes; if that is the verdict and it does not
    come, the mail is lost as said above. smfi_progress() after smfi_replacebody() is enough.
    """
    _check_cuts(site, ("a", 1))


def _check_cuts(site, *places):
    def cut(postfix, packet):
        nonlocal cuts
        cuts += 1
        if cuts > 4:
            postfix.sendall(packet)
            return True
        postfix.sendall(packet[:len(packet) // 2])
        return False

    site.victim.kill()
    try:
        for kind, number in places:
            cuts = 0
            with Daemon(site.program) as daemon, \
                    Meddler(site.victim.socket_path, daemon.socket_path, kind, number, cut):
                _send_through_cuts(site)
            check(cuts > 4, f"only {cuts} connections with a packet {kind!r}")
    finally:
        site.victim.start()


def _send_through_cuts(site):
    user = site.new_user()
    plain = [normalise(site.bounce(site.plain, "unknown@example.com", user))]
    site.plain.inject(foreign_report(), address(user))
    plain.append(site.plain.wait_for_mail(2, user=user)[1])
    arrived = []
    for _ in range(3):  # four cuts at most
        site.frail.submit(message(user, "unknown@example.com"), address(user),
                          "unknown@example.com")
        site.frail.wait_for_mail(len(arrived) + 1, user=user)
        inject_until_taken(site.frail, foreign_report(), user)
        arrived = site.frail.wait_for_mail(len(arrived) + 2, user=user)
    site.frail.wait_until_idle()
    arrived = site.frail.mails(user)
    check(len(arrived) == 6, f"{len(arrived)} mails, not 6")
    for mail in arrived:
        own = b"This is the mail system" in mail
        compare(plain[0] if own else plain[1], normalise(mail) if own else mail)
    check(causes(Part(arrived[-1])), "not explained after the last cut")


def inject_until_taken(server, mail, user):
    """inject(), again after a temporary refusal, as every mail server does."""
    for _ in range(20):
        try:
            return server.inject(mail, address(user))
        except smtplib.SMTPResponseException as refused:
            check(refused.smtp_code // 100 == 4, f"refused for good: {refused}")
            time.sleep(0.2)
    raise AssertionError("refused 20 times")


def check_under_load(site, disturb, at_least, body, may_spoil=0):
    """Sends bounces through `frail` while disturb() runs, until there are `at_least`.

    Half of them Postfix makes itself, half come by SMTP. Asserts that each has arrived exactly
    once and whole, and that some were explained. `may_spoil`: see test_killed_under_load.
    """
    user, start = site.new_user(), time.monotonic()
    own = "rcpt-550-5-1-1@n0000.example.com"
    foreign = foreign_report("anna@f0000.example.com", marker="0000").replace(
        b"Hello, ", body + b"Hello, ")
    own_plain = normalise(site.bounce(site.plain, own, user, body=body))
    site.plain.inject(foreign, address(user))
    foreign_plain = site.plain.wait_for_mail(2, user=user)[1]
    spoiled_before = site.frail.corrupt()
    numbers, enough, sent = itertools.count(1), threading.Event(), []

    def send():
        while not (enough.is_set() and 2 * len(sent) >= at_least):
            number = f"{next(numbers):04d}"
            recipient = own.replace("0000", number)
            site.frail.submit(message(user, recipient, body=body), address(user), recipient)
            inject_until_taken(site.frail, foreign.replace(b"0000", number.encode()), user)
            sent.append(number)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        senders = [pool.submit(send) for _ in range(4)]
        try:
            disturb()
        except BaseException:
            at_least = 0
            raise
        finally:
            enough.set()
        for sender in senders:
            sender.result()
    site.frail.wait_until_idle(60)
    spoiled = site.frail.corrupt() - spoiled_before
    check(spoiled <= may_spoil, f"Postfix found {spoiled} of {2 * len(sent)} queue files corrupt")
    seen, explained = [], 0
    for mail in site.frail.mails(user):
        kind, number = re.search(rb"(?:rcpt-550-5-1-1|anna)@(n|f)(\d{4})\.example\.com",
                                 mail).groups()
        seen.append((kind, number))
        if kind == b"n":
            old, new = own_plain.replace(b"n0000", b"n" + number), normalise(mail)
        else:
            old, new = foreign_plain.replace(b"0000", number), mail
        explained += bool(compare(old, new).causes)
    check(len(seen) == len(set(seen)), f"{len(seen) - len(set(seen))} arrived twice")
    missing = 2 * len(sent) - len(seen)
    check(missing == spoiled, f"{missing} of {2 * len(sent)} are missing")
    check(explained > 0, "not one was explained")
    comment(f"{len(seen)} of {2 * len(sent)} arrived, {explained} of them explained, "
            f"{time.monotonic() - start:.1f} s" + f", {spoiled} spoiled" * bool(spoiled))


@test
def test_killed_under_load(site):
    """Daemon killed, stopped and restarted under load: every bounce arrives exactly once.

    A kill -9 in the moment that test_cut_within_edits does not try makes Postfix spoil a mail.
    The daemon cannot help that, so one mail a kill may be lost this way; such mails are counted
    and printed. Nothing else may be missing.
    """
    kills = 6

    def disturb():
        for _ in range(kills):
            time.sleep(0.4)
            site.victim.kill()
            time.sleep(0.1)
            site.victim.start()
        site.victim.signal(signal.SIGSTOP)
        time.sleep(0.5)
        site.victim.signal(signal.SIGCONT)

    check_under_load(site, disturb, 500, b"Hello.\n", may_spoil=kills)


@test
def test_ended_under_load(site):
    """Daemon ended by SIGTERM under load of large bounces: every one arrives exactly once."""
    def disturb():
        time.sleep(0.5)
        status = site.victim.terminate()
        check(status == 0, f"exit status {status}")
        site.victim.start()

    check_under_load(site, disturb, 100, b"a line of a large message\n" * 4000)


@test
def test_ended_within_edits(site):
    """SIGTERM while the daemon hands over a new body: it does so to the end before it ends.

    An MTA that reads slowly keeps it at that for 5.5 seconds, as long as libmilter itself may
    need to end. If the daemon went away then, Postfix would lose the mail; see
    test_cut_within_edits.
    """
    held, go_on = threading.Event(), threading.Event()

    def hold(postfix, packet):
        postfix.sendall(packet)
        held.set()
        return go_on.wait(30)

    mail = foreign_report().replace(b"Hello, ", b"a line of a large message\n" * 60000)
    with Daemon(site.program) as daemon, contextlib.ExitStack() as stack:
        path = os.path.join(daemon.directory, "proxy")
        stack.enter_context(Meddler(path, daemon.socket_path, "b", 1, hold))
        server = stack.enter_context(PrivatePostfix(milter=f"unix:{path}"))
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor())
        stack.callback(go_on.set)
        injected = pool.submit(server.inject, mail, "user@example.org")
        check(held.wait(20), "the daemon did not replace the body")
        ended = pool.submit(daemon.terminate, 20)
        time.sleep(5.5)
        check(not ended.done(), "it ended in the middle of its edits")
        go_on.set()
        injected.result()
        arrived = server.wait_for_mail(1)[0]
        check(ended.result() == 0, f"exit status {ended.result()}")
    found = compare(mail, arrived)
    check(found.causes and found.text, "not explained")


# The daemon as a program


@test
def test_reload(site):
    """SIGUSR1: new settings are taken, faulty ones are not and the old ones stay."""
    def signs_with(name):
        mail = site.bounce(site.frail, "unknown@example.com")
        return [entry.get("by") for entry in causes(Part(mail))] == [name]

    try:
        site.victim.settings["hostname"] = "other.example.org"
        site.victim.write_settings()
        site.victim.signal(signal.SIGUSR1)
        check(wait_until(lambda: signs_with("other.example.org"), 5, 0.3), "not reloaded")
        before = len(site.victim.log())
        site.victim.write_settings('hostname = "third.example.org"\nno_such_option = 1\n')
        site.victim.signal(signal.SIGUSR1)
        check(wait_until(lambda: "whybounced.conf:2" in site.victim.log()[before:], 5),
              f"the fault is not named: {site.victim.log()[before:]!r}")
        check(site.victim.running(), "a faulty settings file ended it")
        check(signs_with("other.example.org"), "the old settings did not stay")
    finally:
        site.victim.settings["hostname"] = HOSTNAME
        site.victim.write_settings()
        site.victim.signal(signal.SIGUSR1)


@test
def test_refuses(site):
    """It does not start as root, nor with a faulty settings file, and says why."""
    daemon = Daemon(site.program)
    try:
        done = subprocess.run(daemon.command(), capture_output=True, timeout=20)
        check(done.returncode not in (0, None), "it ran as root")
        check(b"root" in done.stderr, f"not said why: {done.stderr!r}")
        daemon.write_settings('hostname = "mail.example.org"\nno_such_option = 1\n')
        done = subprocess.run(daemon.command(), capture_output=True, timeout=20,
                              **run_as_nobody())
        check(done.returncode != 0, "it ran with a faulty settings file")
        check(b"whybounced.conf:2" in done.stderr, f"file and line not said: {done.stderr!r}")
    finally:
        daemon.remove()


@test
def test_ends_well(site):
    """Both daemons have lived through all this and end on SIGTERM: status 0, socket gone."""
    daemons = (site.daemon, site.victim)
    for daemon in daemons:
        check(daemon.running(), f"it has ended by itself:\n{daemon.log()[-2000:]}")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        statuses = list(pool.map(Daemon.terminate, daemons))
    for daemon, status in zip(daemons, statuses):
        check(status == 0, f"exit status {status}:\n{daemon.log()[-2000:]}")
        check(not os.path.exists(daemon.socket_path), "the socket is still there")
    for server in (site.noted, site.plain):
        check(server.corrupt() == 0 and server.queue_empty(), "mail is left in a queue")


if __name__ == "__main__":
    sys.exit(SUITE.main(Site))

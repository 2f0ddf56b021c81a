#!/usr/bin/env python3
"""DKIM: bounces that OpenDKIM signs before and behind whybounced, with real Postfixes.

usage: test_dkim.py [-k WORD] [-v] [PROGRAM]

    -k WORD    only tests with WORD in their name
    -v         with a failed test, the logs of all servers
    PROGRAM    the daemon; build/whybounced if not given

Must run as root, with the packages postfix, opendkim and openssl. A bounce is made or passed
on by a Postfix of another site, whose opendkim signs it; it comes by SMTP to a Postfix of ours
with whybounced, and is verified by opendkim as it lies in the mailbox. No DNS is asked: the
public keys lie in a file. Prints `ok N - name` or `not ok N - name` a test, and exits 1 if any
failed or nothing could be tried at all.
"""

import concurrent.futures
import os
import pwd
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
from daemon import PROGRAM, USER, Daemon, run_as_nobody  # noqa: E402
from expect import check_cause, check_explanation  # noqa: E402
from machine import (MachineError, find_program, free_port, make_directory,  # noqa: E402
                     wait_until)
from mailparts import Part, check, compare, normalise  # noqa: E402
from postfix import PrivatePostfix  # noqa: E402
from refuser import Refusal, Refuser  # noqa: E402
from samples import EXIM_REPORT, address, foreign_report, message  # noqa: E402
from suite import Suite  # noqa: E402

THERE = "example.com"  # the other site's domain: its Postfix is mx.example.com
HERE = "example.org"
SELECTOR = "test2025"
REPLY = "550 5.1.1 <unknown@example.net>: Recipient address rejected: User unknown"

SUITE = Suite(__doc__)
SUITE.parser.add_argument("program", nargs="?", default=PROGRAM)
test = SUITE.test


class SignerError(MachineError):
    """opendkim is missing or does not start."""


class Keys:
    """One key pair for both domains, and opendkim as a program that verifies with it."""

    def __init__(self):
        self.directory = make_directory("private-opendkim-", USER)
        self.private = self.path("private.pem")
        self.program = find_program("opendkim")
        openssl = find_program("openssl")
        subprocess.run([openssl, "genrsa", "-out", self.private, "2048"], check=True,
                       capture_output=True)
        done = subprocess.run([openssl, "rsa", "-in", self.private, "-pubout"], check=True,
                              capture_output=True)
        public = "".join(done.stdout.decode().splitlines()[1:-1])
        self.write("dns", "".join(f"{SELECTOR}._domainkey.{domain} v=DKIM1; k=rsa; p={public}\n"
                                  for domain in (THERE, HERE)))
        self.write("verify.conf", f"Mode v\nSyslog no\nTestDNSData file:{self.path('dns')}\n")
        nobody = pwd.getpwnam(USER)
        os.chown(self.private, nobody.pw_uid, nobody.pw_gid)
        os.chmod(self.private, 0o600)

    def path(self, name):
        """A file in our directory."""
        return os.path.join(self.directory, name)

    def write(self, name, text):
        """Writes a file that everybody may read."""
        with open(self.path(name), "w") as out:
            out.write(text)
        os.chmod(self.path(name), 0o644)

    def verify(self, mail):
        """(True if the mail has a signature that is valid, what opendkim said)."""
        with open(self.path("mail"), "wb") as out:
            out.write(mail)
        os.chmod(self.path("mail"), 0o644)
        done = subprocess.run(
            [self.program, "-x", self.path("verify.conf"), "-v", "-t", self.path("mail")],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=60, cwd="/", **run_as_nobody())
        said = done.stdout.decode(errors="replace").strip()
        return done.returncode == 0 and ") succeeded" in said, said

    def remove(self):
        """All files are gone."""
        shutil.rmtree(self.directory, ignore_errors=True)


class Signer:
    """An opendkim that signs mail from one domain, as a milter.

    form    how header and body are made canonical, "relaxed/simple"
    """

    def __init__(self, keys, domain, form):
        self.keys = keys
        self.port = free_port()
        self.milter = f"inet:127.0.0.1:{self.port}"
        self.name = f"{domain}-{self.port}"
        keys.write(f"{self.name}.conf",
                   f"Mode s\nSyslog no\nDomain {domain}\nSubDomains yes\n"
                   f"Selector {SELECTOR}\nKeyFile {keys.private}\nCanonicalization {form}\n"
                   "RequireSafeKeys no\n"  # it lies below /var/tmp
                   f"OversignHeaders From\nSocket inet:{self.port}@127.0.0.1\n")
        self._process = None

    def __enter__(self):
        with open(self.keys.path(f"{self.name}.log"), "ab") as log:
            self._process = subprocess.Popen(
                [self.keys.program, "-f", "-x", self.keys.path(f"{self.name}.conf")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                start_new_session=True, **run_as_nobody())
        listens = wait_until(lambda: self._listens() or self._process.poll() is not None, 20)
        if not listens or self._process.poll() is not None:
            self.__exit__()
            raise SignerError(f"opendkim does not start:\n{self.log()}")
        return self

    def __exit__(self, *exc):
        self._process.kill()
        self._process.wait(10)

    def _listens(self):
        # Read from the kernel: a connection that says nothing would be logged as an error.
        with open("/proc/net/tcp") as table:
            return f"0100007F:{self.port:04X} 00000000:0000 0A" in table.read()

    def log(self):
        """What it has written."""
        with open(self.keys.path(f"{self.name}.log"), errors="replace") as log:
            return log.read()


REPORTS = {
    "quoted-printable": foreign_report(),
    "Exim": EXIM_REPORT.replace(b"@mx.example.net>\nTo:", b"@mx.example.com>\nTo:"),
    "8 bit": foreign_report().replace(b"quoted-printable", b"8bit")
    .replace("couldn=E2=80=99t".encode(), "couldn’t".encode())
    .replace(b"is unable to r=\neceive", b"is unable to receive")
    .replace(b"Recipien=\nt", b"Recipient").replace(b"=3D", b"="),
}


class Site:
    """Servers for all tests.

    there    {form: a Postfix of the other site, whose opendkim signs in that form}
    here     a Postfix of ours with whybounced, `signed = "header"`; it has a name of its own
    edited   the same with `signed = "body"`
    plain    the same without any milter
    ours     the same with whybounced and behind it a signer
    refuser  where all Postfixes send what is not for our domain, the other site's everything
    """

    FORMS = ("simple/simple", "relaxed/relaxed")

    def __init__(self, options, stack):
        program = options.program
        self.keys = Keys()
        stack.callback(self.keys.remove)
        self.refuser = stack.enter_context(Refuser({"unknown": Refusal("rcpt", REPLY)}))
        self.daemon = stack.enter_context(Daemon(program))
        self.other = stack.enter_context(Daemon(program, settings={"hostname": f"in.{HERE}"}))
        self.careless = stack.enter_context(Daemon(program, settings={"signed": "body"}))
        self.last = stack.enter_context(Signer(self.keys, HERE, "relaxed/simple"))
        self.signers = {form: stack.enter_context(Signer(self.keys, THERE, form))
                        for form in self.FORMS}
        self.users = [f"user{number}" for number in range(60)]
        self._free = iter(self.users)
        self.here = self._server(milter=self.other.milter)
        self.edited = self._server(milter=self.careless.milter)
        self.plain = self._server()
        both = (f"{{ {self.daemon.milter}, default_action=tempfail }}, "
                f"{{ {self.last.milter}, default_action=tempfail }}")
        self.ours = self._server(settings={
            "smtpd_milters": both, "non_smtpd_milters": both,
            "internal_mail_filter_classes": "bounce"})
        self.there = {form: self._server(
            milter=signer.milter, milter_options={"default_action": "tempfail"},
            settings={"myhostname": f"mx.{THERE}", "mydomain": THERE,
                      "myorigin": f"mx.{THERE}", "virtual_mailbox_domains": "",
                      "virtual_mailbox_maps": ""})
            for form, signer in self.signers.items()}
        self.servers = [self.here, self.edited, self.plain, self.ours, *self.there.values()]
        for server in self.servers:
            stack.callback(server.remove)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(PrivatePostfix.start, self.servers))

    def _server(self, **options):
        return PrivatePostfix(users=self.users, relay_port=self.refuser.port, **options)

    def sources(self):
        """Everything that keeps a log."""
        return (self.daemon, self.other, self.careless, self.last, *self.signers.values(),
                *self.servers)

    def new_user(self):
        """A mailbox that no other test uses."""
        return next(self._free)

    def signed(self, form, mail, sender, recipient):
        """What comes out of the other site, signed there, when this mail is given to it."""
        before = len(self.refuser.accepted)
        self.there[form].submit(mail, sender, recipient)
        check(wait_until(lambda: len(self.refuser.accepted) > before, 20),
              "nothing came from the other site")
        return self.refuser.accepted[before].message

    def signed_bounces(self):
        """[(what, recipient who was not reached, bounce)]: bounces signed by the other site,
        of every kind and form."""
        found = []
        for form in self.FORMS:
            user = address("user")
            found.append((f"made by Postfix, {form}", "unknown@example.net", self.signed(
                form, message("user", "unknown@example.net"), user, "unknown@example.net")))
            for name, bounce in REPORTS.items():
                found.append((f"{name}, {form}", "anna.novak@example.com",
                              self.signed(form, bounce, "", user)))
        for what, _, bounce in found:
            check_valid(self, bounce, what)
        return found

    def arrivals(self, receiver, mail, sender=""):
        """The same mail as it arrives without whybounced, and at the receiver."""
        user, found = self.new_user(), []
        for server in (self.plain, receiver):
            server.submit(mail, sender, address(user))
            found.append(server.wait_for_mail(1, user=user)[0])
        return found


def message_from_elsewhere(user):
    """A message to a recipient who is refused, whose From is of neither site: the signer leaves
    it alone, and so it comes back as it was sent."""
    mail = message(user, "unknown@example.net")
    return mail.replace(address(user).encode(), b"jan@example.net", 1)


def check_valid(site, mail, what):
    """The mail has one signature, and opendkim finds it valid."""
    signatures = Part(mail).get("DKIM-Signature")
    check(len(signatures) == 1, f"{what}: {len(signatures)} signatures")
    valid, said = site.keys.verify(mail)
    check(valid, f"{what}: the signature is not valid: {said}")


@test
def test_verifier(site):
    """The verifier: a changed body, a changed field and an unsigned mail are not valid."""
    for form in site.FORMS:
        mail = site.signed(form, message("user", "unknown@example.net"), address("user"),
                           "unknown@example.net")
        check_valid(site, mail, form)
        for old, new in ((b"this is it.", b"this is It."), (b"Subject: Un", b"Subject: un"),
                         (b"DKIM-Signature:", b"X-DKIM-Signature:")):
            check(old in mail, f"{old} is not in the mail")
            valid, said = site.keys.verify(mail.replace(old, new, 1))
            check(not valid, f"{form}, {new}: valid: {said}")


@test
def test_header(site):
    """Signed by the other site: explained in the header, body as it was, signature valid."""
    for what, recipient, bounce in site.signed_bounces():
        plain, noted = site.arrivals(site.here, bounce)
        check_valid(site, noted, what)
        check(Part(noted).body == Part(bounce).body, f"{what}: the body was changed")
        found = compare(plain, noted)
        check(found.titles, f"{what}: no Bounce-Explanation")
        check([cause.get("recipient") for cause in found.causes] == [recipient],
              f"{what}: Bounce-Cause says {found.causes}")


@test
def test_body(site):
    """With `signed = "body"` the text is explained, and the signature is not valid any more."""
    for what, recipient, bounce in site.signed_bounces():
        plain, noted = site.arrivals(site.edited, bounce)
        check_valid(site, plain, what)
        found = compare(plain, noted)
        check_explanation(found, recipient)
        valid, said = site.keys.verify(noted)
        check(not valid and "failed" in said, f"{what}: still valid: {said}")


@test
def test_before_signer(site):
    """whybounced before a signer: the signature is valid for the explained bounce."""
    user = site.new_user()
    mails = []
    mail = message_from_elsewhere(user)
    for server in (site.plain, site.ours):
        server.submit(mail, address(user), "unknown@example.net")
        mails.append(server.wait_for_mail(1, user=user)[0])
    check_valid(site, mails[1], "our own bounce")
    found = compare_signed(*map(normalise, mails))
    check_cause(found, "unknown@example.net", "mailbox-unknown", code="550", status="5.1.1")
    check_text(found, "unknown@example.net")
    for name, bounce in REPORTS.items():
        # From a server of ours, so that it is for the signer to sign it.
        first = bounce.index(b"From: ")
        bounce = bounce[:first] + bounce[first:].replace(b"example.com>", b"example.org>", 1)
        plain, noted = site.arrivals(site.ours, bounce)
        check_valid(site, noted, name)
        found = compare_signed(plain, noted)
        check(found.causes, f"{name}: no Bounce-Cause")
        check_text(found, "anna.novak@example.com")
        # And what is signed is the explanation: a changed one is not valid.
        changed = noted.replace(b"Explanation added by", b"Explanation given by")
        check(changed != noted, f"{name}: nobody signs the explanation")
        valid, said = site.keys.verify(changed)
        check(not valid, f"{name}: valid with another explanation: {said}")


@test
def test_explained_elsewhere(site):
    """Explained and then signed elsewhere: here the body is not touched, the signature valid."""
    user = site.new_user()
    mail = message_from_elsewhere(user)
    site.ours.submit(mail, address(user), "unknown@example.net")
    bounce = site.ours.wait_for_mail(1, user=user)[0]
    plain, noted = site.arrivals(site.here, bounce)
    check_valid(site, plain, "without whybounced")
    check_valid(site, noted, "with whybounced")
    check(Part(noted).body == Part(bounce).body, "the body was changed")
    check(len(Part(noted).get("Bounce-Cause")) == 1, "not one Bounce-Cause")


@test
def test_ordinary_mail(site):
    """Mail that is no bounce passes whybounced before and behind a signer, and stays valid."""
    user = address("user")
    plain, noted = site.arrivals(site.ours, message("user", user), user)
    check_valid(site, noted, "before a signer")
    check(Part(plain).body == Part(noted).body, "the body was changed")
    for form in site.FORMS:
        sender = f"anna@{THERE}"
        mail = message("user", user).replace(user.encode(), sender.encode(), 1)
        mail = site.signed(form, mail, sender, user)
        plain, noted = site.arrivals(site.here, mail, sender)
        check_valid(site, noted, form)
        check(not compare(plain, noted).causes, "explained")


@test
def test_nothing_left(site):
    """Nothing waits in a queue, nothing is corrupt."""
    for server in site.servers:
        server.wait_until_idle()
        check(server.corrupt() == 0, "a queue file is corrupt")


def compare_signed(plain, noted):
    """compare() without what the signer adds and the fields of the mail's way."""
    return compare(*(without_fields(mail) for mail in (plain, noted)))


def without_fields(mail):
    """The mail without the fields of its way and its signature."""
    part = Part(mail)
    kept = [field for name, field in part.fields if name not in
            ("dkim-signature", "received", "return-path", "delivered-to", "x-original-to")]
    return b"".join(kept) + b"\n" + part.body


def check_text(found, recipient):
    """An explanation stands in the text; its place in the header differs with a signer."""
    check(found.titles and found.text, "no explanation")
    check(recipient in " ".join(found.text.split()), f"{recipient} is not named")


if __name__ == "__main__":
    sys.exit(SUITE.main(Site))

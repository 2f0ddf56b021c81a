#!/usr/bin/env python3
"""The Debian package: built, looked at by lintian, and lived with in a clean Debian.

usage: test_deb.py [MAKE]

MAKE (make, if not given) is called in the checkout that this file lies in, and builds below a
temporary folder. A new Debian of this machine's release is made there by debootstrap, from the
mirror that apt uses, with Postfix as Debian sets it up. The package is installed, set up by the
commands of its own README.Debian, explains bounces, and is purged. Everything that runs in there
has processes, mounts and a network of its own, so this machine's mail servers notice nothing.

Must run as root and reach the mirror. Prints `ok N - name` or `not ok N - name` a test, exits 1
if any failed.
"""

import glob
import os
import shutil
import sys

sys.dont_write_bytecode = True
from steps import ROOT, call, need, run  # noqa: E402
from debian import Debian  # noqa: E402
from machine import wait_until  # noqa: E402
from tap import check, told  # noqa: E402

SETTINGS = "/etc/whybounced/whybounced.conf"
STARTED_AT_BOOT = "/etc/systemd/system/multi-user.target.wants/whybounced.service"
READER = "anna"  # who writes mail in there, and gets it back

FOREIGN_BOUNCE = """\
From: MAILER-DAEMON@mx.example.net
To: {reader}@localhost
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="part"

--part
Content-Type: text/plain

The message was not delivered.

--part
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; piotr@example.net
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp; 552 5.2.2 Mailbox full

--part--
"""

# Run by python3 in the network of the new Debian, with the message as standard input.
HAND_OVER = """\
import smtplib, sys
with smtplib.SMTP("127.0.0.1", 25, local_hostname="mx.example.net", timeout=60) as client:
    client.sendmail("", [sys.argv[1]], sys.stdin.read())
"""


# --- The tests, each building on those before

def build(folder, make):
    """Builds the package and looks at it; returns its path."""
    # The unit tests are tests of their own; here the package matters.
    clean = {name: value for name, value in os.environ.items()
             if name not in ("MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL", "BUILD")}
    result = call(make, "-C", ROOT, "--no-print-directory", f"BUILD={folder}/build", "deb",
                  env={**clean, "DEB_BUILD_OPTIONS": "nocheck"})
    packages = glob.glob(f"{folder}/build/deb/whybounced_*.deb")
    need("make deb builds one package", result.returncode == 0 and len(packages) == 1,
         told(result))
    changes = glob.glob(f"{folder}/build/deb/*.changes")
    result = call("lintian", "--allow-root", "--fail-on", "error,warning", *changes)
    check("lintian finds neither error nor warning", result.returncode == 0 and
          not result.stdout, told(result))
    return packages[0]


def look(package):
    """What lies where in the package."""
    listed = call("dpkg-deb", "-c", package).stdout
    files = {line.split()[5][1:]: line[:10] + " " + line.split()[1]
             for line in listed.splitlines() if not line.startswith("d")}
    wanted = ["/usr/bin/whybounce", "/usr/sbin/whybounced", SETTINGS,
              "/lib/systemd/system/whybounced.service", "/usr/lib/sysusers.d/whybounced.conf"]
    for folder in ("usr/", ""):
        if f"/{folder}lib/systemd/system/whybounced.service" in files:
            wanted[3] = f"/{folder}lib/systemd/system/whybounced.service"
    for page in glob.glob(os.path.join(ROOT, "src", "man", "*.[158]")):
        wanted.append(f"/usr/share/man/man{page[-1]}/{os.path.basename(page)}.gz")
    for name in ("README.gz", "README.Debian", "copyright", "changelog.Debian.gz"):
        wanted.append("/usr/share/doc/whybounced/" + name)
    check("it has both programs, unit, account, settings, man pages, documents",
          set(wanted) <= set(files), f"missing: {set(wanted) - set(files)}\n{listed}")
    check("nothing in it is writable by others or anybody's but root's",
          all(mode[8] == "-" and mode[5] == "-" and "s" not in mode[:10] and
              mode.endswith(" root/root") for mode in files.values()), listed)
    others = [path for path in files if path not in wanted and
              not path.startswith(("/usr/share/doc/whybounced/", "/usr/share/whybounced/"))]
    check("and nothing else", not others, others)
    conffiles = call("dpkg-deb", "--info", package, "conffiles").stdout.split()
    check("the settings are its only conffile", conffiles == [SETTINGS], conffiles)


def prepare(debian, package):
    """The new Debian gets Postfix, a reader of mail, and what the package depends on."""
    debian.must("apt-get", "update", "-qq")
    debian.must("debconf-set-selections", input=(
        "postfix postfix/main_mailer_type select Internet Site\n"
        "postfix postfix/mailname string mail.example.org\n"))
    depends = call("dpkg-deb", "-f", package, "Depends").stdout.strip()
    debian.must("apt-get", "satisfy", "-y", "-qq", "--no-install-recommends", depends)
    debian.must("apt-get", "install", "-y", "-qq", "--no-install-recommends", "postfix")
    debian.must("useradd", "--create-home", READER)
    shutil.copy(package, debian.path("/tmp"))
    debian.isolate()
    debian.must("hostname", "mail.example.org")
    debian.write("/etc/hosts", "127.0.0.1 localhost mail.example.org\n")
    debian.must("postconf", "-e", "maillog_file=/var/log/mail.log", "myhostname=mail.example.org",
                "mydestination=localhost, mail.example.org", "inet_protocols=ipv4",
                "smtpd_peername_lookup=no", "relayhost=[127.0.0.1]:9")
    check("Debian's Postfix has a chrooted smtpd",
          debian.must("postconf", "-F", "smtp/inet/chroot").stdout.strip().endswith("y"))
    debian.must("postfix", "start")


def install(debian, package):
    """dpkg -i, and what it has done."""
    name = "/tmp/" + os.path.basename(package)
    result = debian.run("dpkg", "-i", name)
    need("dpkg -i", result.returncode == 0 and "warning" not in told(result).lower(),
         told(result))
    account = debian.run("getent", "passwd", "whybounced").stdout.strip().split(":")
    check("it has an account that nobody can log in to", len(account) == 7 and
          0 < int(account[2]) < 1000 and account[5] == "/nonexistent" and
          account[6].endswith("/nologin"), account)
    result = debian.run("whybounce", "check")
    check("its settings are without faults", result.returncode == 0, told(result))


def commands_of(unit, name):
    """The words of each command of that name in a unit."""
    return [line.split("=", 1)[1].lstrip("-").split() for line in unit.splitlines()
            if line.startswith(name + "=")]


class Service:
    """The daemon as the unit starts it, which here is done by hand: as its user, in the
    foreground, with its folder below /run."""

    def __init__(self, debian):
        self.debian = debian
        paths = glob.glob(debian.path("/*/systemd/system/whybounced.service")) + \
            glob.glob(debian.path("/usr/lib/systemd/system/whybounced.service"))
        unit = debian.read(paths[0][len(debian.folder):])
        self.before = commands_of(unit, "ExecStartPre")
        self.command, = commands_of(unit, "ExecStart")
        self.process = None
        debian.must("install", "-d", "-o", "whybounced", "-g", "whybounced", "-m", "755",
                    "/run/whybounced")

    def start(self, socket):
        """True once it listens on the socket."""
        who = ["setpriv", "--reuid=whybounced", "--regid=whybounced", "--clear-groups",
               "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        for command in self.before:
            self.debian.must(*who, *command)
        self.process = self.debian.start(*who, "sh", "-c", 'umask 0077; exec "$@"', "sh",
                                         *self.command)
        return wait_until(lambda: os.path.exists(self.debian.path(socket)) or
                          self.process.poll() is not None, 20) and self.process.poll() is None

    def stop(self):
        """Ends it, and returns its exit status."""
        self.debian.run("sh", "-c", "kill -TERM $(cat /proc/[0-9]*/stat | "
                        "sed -n 's/^\\([0-9]*\\) (whybounced) .*/\\1/p')")
        return self.process.wait(20)


def use(debian):
    """The daemon of the package: first untouched, then set up as its README.Debian says."""
    check("it starts with the machine", os.path.islink(debian.path(STARTED_AT_BOOT)))
    service = Service(debian)
    started = service.start("/run/whybounced/whybounced.sock")
    need("the daemon starts as its own user with the settings of the package", started,
         debian.read("/var/log/started"))
    said = debian.run("whybounce", "doctor")
    check("doctor tells what is left to do, and the daemon answers it",
          said.returncode == 1 and "explained a test bounce" in said.stdout and
          "cannot see /run/whybounced" in said.stdout, told(said))
    set_up(debian, service)
    said = debian.run("whybounce", "doctor")
    check("the commands of README.Debian are all that doctor wants", said.returncode == 0 and
          "FAULT" not in said.stdout, told(said))
    own_bounce(debian)
    foreign_bounce(debian)
    return service


def set_up(debian, service):
    """Does what README.Debian says, line by line."""
    text = debian.read("/usr/share/doc/whybounced/README.Debian").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    socket = "/var/spool/postfix/whybounced/whybounced.sock"
    for line in lines:
        if line.startswith("socket = "):
            settings = debian.read(SETTINGS)
            debian.write(SETTINGS, settings + line + "\n")
        elif line == "systemctl restart whybounced":
            check("the daemon ends well", service.stop() == 0, debian.read("/var/log/started"))
            need("it starts again with its socket below Postfix's queue", service.start(socket),
                 debian.read("/var/log/started"))
        elif line != "whybounce doctor":
            debian.must("sh", "-c", line)
    check("README.Debian was understood", len(lines) >= 6, lines)


def arrived(debian, sign):
    """The mails in the reader's mailbox, once one with the sign is there."""
    name = f"/var/mail/{READER}"
    wait_until(lambda: sign in debian.read(name), 30)
    return debian.read(name)


def own_bounce(debian):
    """A bounce that Postfix makes, about an address that does not exist."""
    debian.must("sendmail", "-f", f"{READER}@mail.example.org", "nobody-here@mail.example.org",
                input="Subject: Invoice 2024-117\n\nHello.\n")
    mails = arrived(debian, "Reporting-MTA")
    check("a bounce of its Postfix arrives explained",
          "Not delivered to nobody-here@mail.example.org" in mails and
          "Bounce-Cause: mailbox-unknown;" in mails and "This is the mail system" in mails,
          mails + debian.read("/var/log/mail.log"))


def foreign_bounce(debian):
    """A bounce that comes by SMTP, through the chrooted smtpd."""
    debian.python(HAND_OVER, f"{READER}@localhost",
                  input=FOREIGN_BOUNCE.format(reader=READER))
    mails = arrived(debian, "The message was not delivered.")
    check("a bounce that another server sends arrives explained",
          "Not delivered to piotr@example.net" in mails and
          "Bounce-Cause: mailbox-full;" in mails,
          mails + debian.read("/var/log/mail.log"))


def remove(debian, package, service, before):
    """Installed again, removed, purged."""
    settings = debian.read(SETTINGS)
    result = debian.run("dpkg", "-i", "/tmp/" + os.path.basename(package))
    check("installed once more it leaves the settings alone", result.returncode == 0 and
          debian.read(SETTINGS) == settings, told(result))
    check("the daemon ends well", service.stop() == 0, debian.read("/var/log/started"))
    debian.must("rm", "-r", "/run/whybounced")  # systemd's task
    os.mkdir(debian.path("/var/lib/whybounced"))  # its StateDirectory
    debian.write("/var/lib/whybounced/whybounced.prom", "# metrics\n")
    result = debian.run("dpkg", "-r", "whybounced")
    left = debian.everything() - before - {STARTED_AT_BOOT}
    check("dpkg -r leaves the settings and its state", result.returncode == 0 and
          left == {"/etc/whybounced", SETTINGS, "/var/lib/whybounced",
                   "/var/lib/whybounced/whybounced.prom"}, f"{left}\n{told(result)}")
    result = debian.run("dpkg", "-P", "whybounced")
    left = debian.everything() - before
    check("dpkg -P leaves nothing", result.returncode == 0 and not left,
          f"{left}\n{told(result)}")
    lost = before - debian.everything()
    check("and takes nothing else away", not lost, lost)
    debian.must("sendmail", "-f", f"{READER}@mail.example.org", "gone@mail.example.org",
                input="Subject: Afterwards\n\nHello.\n")
    check("mail flows on without it", "gone@mail.example.org" in
          arrived(debian, "gone@mail.example.org"), debian.read("/var/log/mail.log"))


def test(folder, stack):
    """All of them, in order."""
    package = build(folder, sys.argv[1] if len(sys.argv) > 1 else "make")
    look(package)
    debian = Debian(os.path.join(folder, "debian"))
    stack.callback(debian.end)
    prepare(debian, package)
    before = debian.everything()
    install(debian, package)
    service = use(debian)
    remove(debian, package, service, before)


if __name__ == "__main__":
    sys.exit(run(test, "debootstrap", "dpkg-buildpackage", "dh", "fakeroot", "lintian", "git",
                 "unshare", "nsenter"))

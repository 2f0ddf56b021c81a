"""The recipes of contrib in a PrivateRoot, with whybounce or what fails in its place."""

import os

from daemon import HOSTNAME
from machine import CHECKOUT, MachineError
from packages import PACKAGES
from refuser import Refusal

SHARE = "/usr/local/share/whybounced"  # where the recipes say that they are

# What a server of the tests answers to Sendmail, Exim and OpenSMTPD.
REPLIES = {
    "unknown": Refusal("rcpt", "550 5.1.1 <unknown@example.com>: Recipient address rejected: "
                               "User unknown in virtual mailbox table"),
    "full": Refusal("rcpt", "552 5.2.2 <full@example.com> Quota exceeded (mailbox for user "
                            "is full)"),
    "large": Refusal("end", "552 5.3.4 Message size exceeds fixed limit"),
    "late": Refusal("rcpt", "452 4.2.2 <late@example.com> Mailbox full"),
}

# Programs that fail in place of whybounce; None: there is none.
FAILURES = (
    None,
    "exit 1",
    "cat >/dev/null; exit 1",
    "head -c 700; exit 75",
    "head -c 300; kill -KILL $$",
    "cat; kill -SEGV $$",
    "echo a message >&2; exit 1",
)


def add_arguments(parser):
    """The arguments of programs that test recipes."""
    parser.add_argument("-p", dest="packages", metavar="FOLDER", default=PACKAGES)
    parser.add_argument("build", nargs="?", default=os.path.join(CHECKOUT, "build"))


def need_programs(build):
    """Raises MachineError if ours are not built."""
    for program in ("whybounce", "whybounced"):
        if not os.path.isfile(os.path.join(build, program)):
            raise MachineError(f"{build}/{program} is missing: build it first (make)")


def contrib(name):
    """A file of contrib, as text."""
    with open(os.path.join(CHECKOUT, "contrib", name)) as file:
        return file.read()


def add_whybounce(root, build):
    """Puts our program where `make install` would, and settings that name the host."""
    root.add_program(os.path.join(build, "whybounce"), "/usr/local/bin/whybounce")
    root.add_charsets()
    root.write("/etc/whybounced/whybounced.conf", f'hostname = "{HOSTNAME}"\n')


def replace_whybounce(root, script):
    """Puts a shell script, or with None nothing, in the place of whybounce in a root."""
    if script is None:
        os.unlink(root.path("/usr/local/bin/whybounce"))
    else:
        root.write("/usr/local/bin/whybounce", f"#!/bin/sh\n{script}\n", 0o755)

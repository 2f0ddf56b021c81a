#!/usr/bin/env python3
"""The demonstration behind `make demo`: four messages that bounce, explained.

usage: demo.py [--language CODE] [PROGRAM]

Starts a private Postfix, a server that refuses mail, and whybounced (PROGRAM, otherwise
build/whybounced), all on 127.0.0.1; sends four messages and prints the bounces as their sender
gets them. Stops all that it started and removes its files, also on Ctrl-C or an error. Must
run as root, because Postfix must. Exits 1 if a bounce did not come or was not explained.
"""

import argparse
import email.header
import email.utils
import os
import sys
import textwrap
from dataclasses import dataclass

sys.dont_write_bytecode = True
from daemon import PROGRAM, Daemon  # noqa: E402
from machine import MachineError  # noqa: E402
from mailparts import Part  # noqa: E402
from postfix import PrivatePostfix  # noqa: E402
from refuser import Refusal, Refuser  # noqa: E402
from suite import tidy  # noqa: E402

SENDER = "jan.kowalski@example.org"
OLD_NOTICE = "This is the mail system at host"  # how Postfix's own text begins
OLD_LINES = 6  # so many lines of it are shown


@dataclass
class Sample:
    """One message that bounces: to whom, about what, refused when and with which reply."""

    recipient: str
    subject: str
    stage: str
    reply: str


SAMPLES = (
    Sample("anna.novak@example.com", "Invoice 2024-117", "end",
           "550 High probability of spam"),
    Sample("piotr.wisniewski@example.net", "Photos of the summer", "rcpt",
           "552 5.2.2 <piotr.wisniewski@example.net> Quota exceeded "
           "(mailbox for user is full)"),
    Sample("eva.svobodva@example.com", "Minutes of the meeting", "rcpt",
           "550 5.1.1 <eva.svobodva@example.com>: Recipient address rejected: "
           "User unknown in virtual mailbox table"),
    Sample("office@example.net", "Application", "rcpt",
           "554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked using "
           "zen.spamhaus.org"),
)


def main():
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--language", default="en", metavar="CODE",
                        help="the language of the explanations, such as pl")
    parser.add_argument("program", nargs="?", default=PROGRAM)
    options = parser.parse_args()
    try:
        with tidy() as stack:
            return demonstrate(options.program, options.language, stack)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # demo.py | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (MachineError, OSError) as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1


def demonstrate(program, language, stack):
    """Starts everything on `stack`, sends the messages and prints what comes back."""
    say("Starting a Postfix of our own, a mail server that refuses everything, and whybounced.")
    table = {sample.recipient.split("@")[0]: Refusal(sample.stage, sample.reply)
             for sample in SAMPLES}
    refuser = stack.enter_context(Refuser(table))
    daemon = stack.enter_context(Daemon(program, settings={"language": language}))
    user = SENDER.split("@")[0]
    postfix = stack.enter_context(PrivatePostfix(users=[user], relay_port=refuser.port,
                                                 milter=daemon.milter))
    say(f"Sending {len(SAMPLES)} messages as {SENDER}.")
    unexplained = 0
    for number, sample in enumerate(SAMPLES, 1):
        postfix.submit(message(sample), SENDER, sample.recipient)
        bounce = Part(postfix.wait_for_mail(number, timeout=30, user=user)[-1])
        show(number, sample, bounce)
        unexplained += not bounce.get("Bounce-Cause")
    say("")
    say("Stopping everything that was started.")
    if unexplained:
        print(f"demo: {unexplained} of {len(SAMPLES)} bounces were not explained; "
              f"the daemon said:\n{daemon.log()[-4000:]}", file=sys.stderr)
        return 1
    return 0


def message(sample):
    """The message that will bounce."""
    return (f"From: Jan Kowalski <{SENDER}>\n"
            f"To: {sample.recipient}\n"
            f"Subject: {sample.subject}\n"
            f"Date: {email.utils.formatdate(localtime=True)}\n"
            f"Message-ID: {email.utils.make_msgid(domain='example.org')}\n"
            "\n"
            "Hello,\n\nyou find it below.\n\nJan\n").encode()


def show(number, sample, bounce):
    """Prints one bounce: the reply that caused it, and what its reader sees first."""
    say("")
    say("=" * 78)
    say(f'{number}. "{sample.subject}" to {sample.recipient}. Their mail server answered:')
    say("")
    say(textwrap.indent(textwrap.fill(sample.reply, 72, break_long_words=False), "     "))
    say("")
    say(f"   What {SENDER} gets:")
    say("")
    for wanted in ("From", "Subject", "Bounce-Explanation", "Bounce-Cause"):
        for name, field in bounce.fields:
            if name == wanted.lower():
                say(readable(field))
    say("")
    text = next((leaf.text() for leaf in bounce.leaves() if leaf.type == "text/plain"), "")
    lines = text.rstrip("\n").split("\n")
    start = next((at for at, line in enumerate(lines) if line.startswith(OLD_NOTICE)), 0)
    for line in lines[:start + OLD_LINES]:
        say(f"  | {line}".rstrip())
    say(f"  | [... {max(0, len(lines) - start - OLD_LINES)} more lines of the notice as it "
        "came]")


def readable(field):
    """A header field as it stands in the mail, with encoded words decoded."""
    text = field.decode("latin-1").rstrip("\n")
    if "=?" in text:
        text = str(email.header.make_header(email.header.decode_header(text)))
    return "\n".join(f"  {line}" for line in text.expandtabs(4).split("\n"))


def say(text):
    """Prints a line at once, whatever the terminal can show."""
    encoding = sys.stdout.encoding or "ascii"
    print(text.encode(encoding, "replace").decode(encoding), flush=True)


if __name__ == "__main__":
    sys.exit(main())

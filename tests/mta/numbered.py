"""Numbered bounces: made, recognised as delivered, found in Postfix's queues."""

import contextlib
import os
import re

from samples import EXIM_REPORT, foreign_report

RECIPIENT = "user@example.org"


def make_bounce(number):
    """The bounce with this number: one of four kinds, the number in its returned message and
    in its status part."""
    mark = b"soak-%06d" % number
    recipient = mark.decode() + "@example.com"
    if number % 4 == 0:
        mail = EXIM_REPORT.replace(b"anna.novak@example.com", recipient.encode())
    else:
        mail = foreign_report(recipient, marker=mark.decode())
    if number % 4 == 1:  # many packets of the milter protocol
        lines = b"".join(b"line %06d of %s %s\n" % (line, mark, b"-" * (line % 60))
                         for line in range(1500))
        mail = mail.replace(b"Hello, ", lines + b"Hello, ")
    if number % 4 == 2:  # a text that is 8-bit, with dots
        mail = mail.replace(b"Hello, ", "Zażółć gęślą jaźń\n.\n..\n.dot\nHello, ".encode())
    return mail


def number_of(mail):
    """The number of a bounce, or None."""
    found = re.search(rb"soak-(\d{6})@", mail)
    return int(found.group(1)) if found else None


def delivered(postfix):
    """Every mail in the mailbox, one at a time, for there are many."""
    folder = os.path.join(postfix.directory, "mail", RECIPIENT.split("@")[0], "new")
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as mail:
            yield mail.read()


def queue_files(postfix, name):
    """{file: number of the bounce in it or None} of one of Postfix's queues."""
    found = {}
    for directory, _, names in os.walk(os.path.join(postfix.directory, "queue", name)):
        for file_name in names:
            with contextlib.suppress(FileNotFoundError), \
                    open(os.path.join(directory, file_name), "rb") as queue_file:
                found[file_name] = number_of(queue_file.read())
    return found

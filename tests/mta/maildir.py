"""Reading Maildirs."""

import os

from machine import wait_until


def read_maildir(folder):
    """All new mails in a Maildir as bytes, the first delivered first; none if there is none."""
    new = os.path.join(folder, "new")
    found = []
    for name in os.listdir(new) if os.path.isdir(new) else []:
        path = os.path.join(new, name)
        with open(path, "rb") as mail:
            found.append((os.stat(path).st_mtime_ns, name, mail.read()))
    return [mail for _, _, mail in sorted(found)]


def wait_for_mails(folder, count, timeout):
    """read_maildir() as soon as there are `count`, or after `timeout` seconds."""
    wait_until(lambda: len(read_maildir(folder)) >= count, timeout)
    return read_maildir(folder)

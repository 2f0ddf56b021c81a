"""What tests expect of a mail that passed the milter, or a program that calls the filter."""

import re

from daemon import HOSTNAME
from mailparts import ADDED, Explained, Part, check, compare, words_of_html


# Behind the milter


def check_cause(found, recipient, cause, action="failed", code=None, status=None, fix=None,
                reply=None):
    """One Bounce-Cause is for `recipient` and says what is expected; its form is right."""
    for_it = [entry for entry in found.causes if entry.get("recipient") == recipient]
    check(len(for_it) == 1, f"{len(for_it)} Bounce-Cause for {recipient}: {found.causes}")
    entry = for_it[0]
    expected = {"cause": cause, "action": action, "by": HOSTNAME}
    expected.update((name, value) for name, value in
                    (("code", code), ("status", status), ("fix", fix)) if value is not None)
    got = {name: entry.get(name) for name in expected}
    check(got == expected, f"Bounce-Cause for {recipient} says {got}, not {expected}")
    check(entry.get("fix") or action == "relayed", "Bounce-Cause does not say who can fix it")
    if reply is not None:
        check(entry.get("reply", "").startswith(reply[:150]),
              f"reply is {entry.get('reply')!r}, not {reply!r}")


def check_explanation(found, *recipients, begin="Not delivered to"):
    """The header fields are where they belong, and a text in the agreed shape stands before
    the old one."""
    names = [name for name, _ in found.mail.fields]
    start = names.index("received") + 1
    end = start + 1 + len(found.causes)
    check(sorted(names[start:end]) == sorted(["bounce-explanation"]
                                             + ["bounce-cause"] * len(found.causes)),
          f"the fields are not right below our Received: {names[:end + 3]}")
    check(len(found.titles) == 1 and found.titles[0], f"Bounce-Explanation: {found.titles}")
    text = found.text
    check(text, "no explanation in the text")
    check(text.startswith(begin), f"the text does not begin with {begin!r}:\n{text}")
    flat = " ".join(text.split())
    for recipient in recipients:
        check(recipient in flat, f"{recipient} is not named:\n{text}")
    check(f"Explanation added by {HOSTNAME}" in flat, f"not said who speaks:\n{text}")
    check(text.endswith("\n\n") and not text.endswith("\n\n\n"),
          f"not exactly one empty line before the old text: {text[-40:]!r}")
    long_lines = [line for line in text.splitlines()
                  if len(line) > 72 and not any(recipient in line for recipient in recipients)]
    check(not long_lines, f"longer than 72 columns: {long_lines}")
    if found.html is not None:
        words = words_of_html(found.html)
        for recipient in recipients:
            check(recipient in words, f"the HTML does not name {recipient}")


def check_plain(found, why):
    """Nothing at all was added."""
    check(not found.causes and not found.titles and not found.text and found.html is None,
          f"{why}, and yet explained: {found.causes} {found.text!r}")


# Behind a program that delivers, which adds fields of its own

TRACES = ("return-path", "envelope-to", "delivery-date", "delivered-to", "x-original-to")
# What Sendmail gives to a mail without one, and OpenSMTPD.
ADDED_ID = re.compile(rb"(?mi)^Message-Id: <(?:\d{12}\.\w{14}|[0-9a-f]{16})@mail\.example\.org>")


def level(mail):
    """The mail without the fields of its delivery, which are on top and different each time,
    and without a message id that the server gave it; ours come first, wherever they were."""
    part = Part(ADDED_ID.sub(b"Message-Id: <>", mail))
    ours = [field for name, field in part.fields if name in ADDED]
    others = [(name, field) for name, field in part.fields if name not in ADDED]
    while others and others[0][0] in TRACES:
        others.pop(0)
    if others and others[0][0] == "received":
        others.pop(0)
    return b"".join([b"X-Level: yes\n", *ours, *(field for _, field in others), b"\n",
                     part.body])


def check_same(plain, arrived, why):
    """Both mails are the same byte for byte, but for the fields of their delivery."""
    plain, arrived = level(plain), level(arrived)
    check(plain == arrived, f"{why}: the mail has changed:\n{arrived[:600]!r}\nis not\n"
                            f"{plain[:600]!r}")


def without_added_line(before, after):
    """The mail without the empty line that procmail itself puts behind every mail that passes
    a filter, `cat` too, and that does not end in one."""
    added = after.endswith(b"\n\n") and not before.endswith(b"\n\n")
    return after[:-1] if added else after


def check_explained(plain, noted, causes, begin="Not delivered to"):
    """The bounce says these causes, has an explanation, and is the same otherwise. Returns
    what was found added."""
    found = compare(level(plain), level(noted))
    check([entry["cause"] for entry in found.causes] == list(causes),
          f"explained as {found.causes}, not {causes}")
    check(all(entry.get("by") == HOSTNAME for entry in found.causes),
          f"not said who speaks: {found.causes}")
    check(len(found.titles) == 1, f"Bounce-Explanation: {found.titles}")
    check(found.text.startswith(begin), f"the text does not begin with {begin!r}: "
                                        f"{found.text[:200]!r}")
    return found


def check_unexplained(mail, why):
    """Nothing at all was added."""
    found = Explained(Part(mail))
    check(not found.causes and not found.titles
          and b"Explanation added by" not in mail, f"{why}, and yet explained: {found.causes}")

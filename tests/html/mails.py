"""Annotating a mail with `whybounce filter` and taking its texts out again."""

import email
import email.header
import os
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

SETTINGS = """hostname = "mail.example.org"
our_hosts = {"mail.example.org"}
our_domains = {"example.org"}
helpdesk = "helpdesk@example.org"
signed = "body"
language = "%(language)s"
languages = {"* = %(language)s"}
"""


def corpus(name):
    """A mail of the corpus, as bytes."""
    with open(os.path.join(ROOT, "tests", "corpus", name + ".eml"), "rb") as file:
        return file.read()


def annotate(program, mail, language):
    """The mail as whybounce passes it on to a reader of that language."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as settings:
        settings.write(SETTINGS % {"language": language})
        settings.flush()
        result = subprocess.run(
            [program, "filter", "-c", settings.name, "-r", "anna.novak@example.org"], input=mail,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    if result.returncode != 0:
        raise RuntimeError(result.stderr.decode("utf-8", "replace"))
    return result.stdout


def leaf(mail, content_type):
    """The text of the first leaf of that type, None if the mail has none."""
    for part in email.message_from_bytes(mail).walk():
        if part.get_content_type() == content_type:
            return part.get_payload(decode=True).decode(
                part.get_content_charset() or "ascii", "replace").replace("\r\n", "\n")
    return None


def field(mail, name):
    """The text of a header field."""
    value = email.message_from_bytes(mail)[name] or ""
    return str(email.header.make_header(email.header.decode_header(value)))

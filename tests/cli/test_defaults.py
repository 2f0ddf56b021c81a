#!/usr/bin/env python3
"""What stops the build: mkdefaults on files with a fault in them.

usage: test_defaults.py BUILD

BUILD holds mkdefaults and the compiled texts in lang/. Prints `ok N - name` or `not ok N - name`
a test, exits 1 if any failed.
"""

import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "tests"))
sys.dont_write_bytecode = True
from tap import check, finish, told  # noqa: E402

RULE = """\
rule lonely {
    text    = '%s'
    cause   = %s
    example = {"550 no such user"}
}
"""


def make_defaults(build, folder, rule, texts):
    """Runs mkdefaults on one rule and one catalogue."""
    path = os.path.join(folder, "lonely.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(rule)
    conf = os.path.join(ROOT, "conf")
    return subprocess.run([os.path.join(build, "mkdefaults"), os.path.join(conf, "causes.conf"),
                           path, os.path.join(conf, "domains"), f"en={texts}"],
                          capture_output=True, text=True, check=False)


def main():
    """Returns the exit status."""
    build = sys.argv[1]
    english = os.path.join(build, "lang", "en.mo")
    good = RULE % ("no such user", "mailbox-unknown")
    with tempfile.TemporaryDirectory() as folder:
        broken = os.path.join(folder, "broken.mo")
        with open(english, "rb") as file:
            text = file.read()
        with open(broken, "wb") as file:
            file.write(text.replace(b"Your message", b"Your\x07message"))
        made = make_defaults(build, folder, good, english)
        check("a sound rule and sound texts become tables",
              made.returncode == 0 and '{ "no such user", 0 }' in made.stdout, told(made)[:2000])
        for name, rule, texts, said in (
                ("a pattern that does not compile", RULE % ("no such (user", "mailbox-unknown"),
                 english, "missing closing parenthesis"),
                ("a cause that nobody knows", RULE % ("no such user", "bad-luck"), english,
                 "lonely.conf:1: its cause is not known"),
                ("a text with a control character", good, broken,
                 "broken.mo: a string ends outside the file"),
                ("a file of texts that is not there", good, os.path.join(folder, "none.mo"),
                 "No such file")):
            made = make_defaults(build, folder, rule, texts)
            check(f"{name} stops the build", made.returncode == 1 and said in made.stderr,
                  told(made)[:2000])
    return finish()


if __name__ == "__main__":
    sys.exit(main())

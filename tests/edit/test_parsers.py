#!/usr/bin/env python3
"""What other programs read in a bounce before and after it was annotated.

usage: test_parsers.py [-l LANGUAGE] PROGRAM

    -l LANGUAGE   of the explanations, en if not given
    PROGRAM       build/whybounce

Reads the mails of corpus/ in the folder TESTS (tests if that is not set) and those in and
below the folder CORPUS if it is set, and annotates each with `PROGRAM filter`. Sisimai
(Debian: libsisimai-perl) and flufl.bounce (python3-flufl.bounce) must then read the same
recipients, status and code as before: in 99.5 % of the bounces with a status part and in
98 % of the others. Prints TAP, and each mail of which one of them reads something else.
"""

import argparse
import email
import email.policy
import json
import os
import subprocess
import sys
import tempfile

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
from tap import check, comment, finish  # noqa: E402

# Debian's modules, for a Python that is not Debian's own.
sys.path.append("/usr/lib/python3/dist-packages")

WITH_STATUS = 99.5
WITHOUT = 98.0

# Reads paths, a line each; prints for each what Sisimai finds, as JSON.
SISIMAI = r"""
use strict;
use warnings;
use JSON::PP;
use Sisimai;

my $json = JSON::PP->new->canonical->utf8;
$| = 1;
while (my $path = <STDIN>) {
    chomp $path;
    open my $file, '<:raw', $path or die "$path: $!\n";
    my $mail = do { local $/; <$file> };
    close $file;
    $mail =~ s/\AFrom [^\n]*\n//;
    my $found = eval {
        local $SIG{ALRM} = sub { die "too slow\n" };
        local $SIG{__WARN__} = sub { };
        alarm 60;
        my $found = Sisimai->make(\$mail, delivered => 1);
        alarm 0;
        $found;
    } || [];
    print $json->encode([sort { "@$a" cmp "@$b" } map {
        [$_->recipient->address, $_->deliverystatus, $_->replycode]
    } @$found]), "\n";
}
"""


class Sisimai:
    """Sisimai, in a perl of its own."""

    name = "Sisimai"

    def __init__(self):
        self.perl = subprocess.Popen(["perl", "-e", SISIMAI], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def read(self, path):
        """Returns the recipients with status and code."""
        try:
            self.perl.stdin.write(path + "\n")
            self.perl.stdin.flush()
            return json.loads(self.perl.stdout.readline())
        except (BrokenPipeError, ValueError) as error:
            raise RuntimeError("perl with Sisimai ended; is libsisimai-perl there?") from error


class Flufl:
    """flufl.bounce; it knows recipients only, and whether they failed for good."""

    name = "flufl.bounce"

    def __init__(self):
        from flufl.bounce import all_failures
        self.all_failures = all_failures

    def read(self, path):
        """Returns the recipients that failed for now, and those that failed for good."""
        with open(path, "rb") as file:
            message = email.message_from_binary_file(file, policy=email.policy.compat32)
        try:
            found = self.all_failures(message)
        except Exception as error:  # some mails break it: then they must break it again
            return [type(error).__name__]
        return [sorted(str(address) for address in kind) for kind in found]


class Share:
    """How many bounces of a kind a parser reads as it did before."""

    def __init__(self, wanted):
        self.wanted = wanted
        self.same = 0
        self.all = 0
        self.changed = []

    def add(self, path, before, after):
        """Counts one bounce."""
        self.all += 1
        if before == after:
            self.same += 1
        else:
            self.changed.append((path, before, after))

    def percent(self):
        """Returns the share in per cent."""
        return 100.0 * self.same / self.all if self.all else 0.0


def find_mails():
    """Returns the paths of all mails."""
    own = os.path.join(os.environ.get("TESTS", "tests"), "corpus")
    paths = [os.path.join(own, name) for name in sorted(os.listdir(own))
             if name.endswith(".eml")]
    more = os.environ.get("CORPUS")
    for folder, _, names in sorted(os.walk(more)) if more else []:
        paths += [os.path.join(folder, name) for name in sorted(names)
                  if not name.endswith(".tsv")]
    return paths


def read_kinds(program, settings, paths):
    """Returns what `show` says of each mail: "dsn", "prose", or None for no bounce."""
    shown = subprocess.run([program, "show", "--json", "-c", settings, "--", *paths],
                           stdout=subprocess.PIPE, check=True).stdout
    kinds = [json.loads(line).get("kind") for line in shown.decode().splitlines()]
    if len(kinds) != len(paths):
        raise RuntimeError(f"show told of {len(kinds)} mails, not of {len(paths)}")
    return kinds


def annotate(program, settings, mail):
    """Returns a mail as `filter` writes it."""
    return subprocess.run([program, "filter", "--strict", "-c", settings], input=mail,
                          stdout=subprocess.PIPE, check=True).stdout


def is_forged(mail):
    """Has a mail fields that look like ours?"""
    head = mail.replace(b"\r\n", b"\n").split(b"\n\n")[0].lower()
    return b"bounce-cause:" in head or b"bounce-explanation:" in head


def compare(program, language):
    """Annotates every mail and has it read before and after."""
    parsers = [Sisimai(), Flufl()]
    shares = {(parser, kind): Share(wanted) for parser in parsers
              for kind, wanted in (("dsn", WITH_STATUS), ("prose", WITHOUT))}
    touched = []
    with tempfile.TemporaryDirectory() as folder:
        settings = os.path.join(folder, "settings.conf")
        new_path = os.path.join(folder, "annotated.eml")
        with open(settings, "w", encoding="utf-8") as file:
            file.write(f'hostname = "mail.example.org"\nlanguage = "{language}"\n'
                       'signed = "body"\n')
        paths = find_mails()
        for path, kind in zip(paths, read_kinds(program, settings, paths)):
            with open(path, "rb") as file:
                mail = file.read()
            new = annotate(program, settings, mail)
            if kind is None:
                if new != mail and not is_forged(mail):
                    touched.append(path)
                continue
            with open(new_path, "wb") as file:
                file.write(new)
            for parser in parsers:
                shares[parser, kind].add(path, parser.read(path), parser.read(new_path))
    check("mails that are no bounces come out as they went in", not touched, touched)
    for (parser, kind), share in shares.items():
        comments = [f"{path}: {before} became {after}" for path, before, after in share.changed]
        what = "with a status part" if kind == "dsn" else "without one"
        check(f"{parser.name}: {share.same} of {share.all} bounces {what} are read as before "
              f"({share.percent():.2f} %, at least {share.wanted} %)",
              share.all > 0 and share.percent() >= share.wanted)
        comment("\n".join(comments))


def main():
    """Runs the whole comparison."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("-l", dest="language", default="en")
    arguments.add_argument("program")
    arguments = arguments.parse_args()
    try:
        compare(os.path.abspath(arguments.program), arguments.language)
    except (ImportError, OSError, RuntimeError, ValueError,
            subprocess.CalledProcessError) as error:
        check("other programs read annotated bounces", False, repr(error))
    return finish()


if __name__ == "__main__":
    sys.exit(main())

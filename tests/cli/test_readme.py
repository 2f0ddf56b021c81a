#!/usr/bin/env python3
"""Runs every command of the README, as root, as it stands there.

usage: test_readme.py MAKE

The programs are installed below a temporary folder, which stands for / in the paths that
the commands name; "sudo" runs the rest of the line. A command that this test does not know
fails it. Prints TAP.
"""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "tests"))
sys.dont_write_bytecode = True
from tap import check, finish, told  # noqa: E402

# Lines that are commands: they begin with one of these.
PROGRAMS = ("sudo ", "make", "whybounce ", "whybounced")
# The test that is running now, and what stands for it.
CHECK = "sudo make check"

WRAPPERS = {
    "sudo": 'exec "$@"',
    # Users of the folder that stands for /, not of this machine.
    "useradd": 'exec /usr/sbin/useradd --prefix "$TOP" "$@"',
    # Only a daemon of ours may get the signal.
    "pkill": 'for word; do :; done; [ "$word" = whybounced ] && exec kill "$1" "$DAEMON"',
    "install": 'for word; do :; done; [ "${word#"$TOP"}" != "$word" ] || exit 1; '
               '[ "$1 $2 $3" != "-d -o whybounced" ] || { shift 3; set -- -d -o nobody "$@"; }; '
               'exec /usr/bin/install "$@"',
    "make": 'case "$*" in install) set -- install DESTDIR="$TOP";; esac; '
            'exec "$MAKE" --no-print-directory -C "$SOURCE" "$@"',
    "whybounced": 'exec "$TOP/usr/local/sbin/whybounced" -c "$SETTINGS" "$@"',
    "whybounce": 'command=$1; shift; case $command in explain) ;; '
                 'doctor) set -- -c "$SETTINGS" -p "$TOP/etc/postfix";; '
                 '*) set -- -c "$SETTINGS" "$@";; esac; '
                 'exec "$TOP/usr/local/bin/whybounce" "$command" "$@"',
}


def blocks():
    """The indented lines of the README, in order, as lists of lines."""
    with open(os.path.join(ROOT, "README"), encoding="utf-8") as file:
        text = file.read()
    return [[line[4:] for line in block.splitlines()] for block in
            re.findall(r"(?:^    .*\n)+", text, re.M)]


class Place:
    """The folder that stands for /, and the environment of the commands."""

    def __init__(self, top, make):
        self.top = top
        self.daemon = None
        bin_folder = os.path.join(top, "test-bin")
        os.makedirs(bin_folder)
        os.makedirs(os.path.join(top, "etc"))
        os.symlink(os.path.join(ROOT, "contrib"), os.path.join(top, "contrib"))
        os.makedirs(os.path.join(top, "var/spool/postfix"))
        for name in ("passwd", "group", "shadow", "gshadow", "login.defs"):
            shutil.copy2(os.path.join("/etc", name), os.path.join(top, "etc", name))
        for name, command in WRAPPERS.items():
            path = os.path.join(bin_folder, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\n{command}\n")
            os.chmod(path, 0o755)
        self.settings = os.path.join(top, "etc/whybounced/whybounced.conf")
        self.environment = dict(os.environ, TOP=top, MAKE=shutil.which(make), SOURCE=ROOT,
                                SETTINGS=self.settings,
                                PATH=f"{bin_folder}:{os.environ['PATH']}")
        shutil.copy2(first_bounce(), os.path.join(top, "bounce.eml"))

    def here(self, line):
        """The line with its paths below the folder."""
        return re.sub(r"/(?=var/spool|etc/whybounced)", self.top + "/", line)

    def run(self, line, seconds=900):
        """Runs one line; returns how it ended."""
        if self.daemon is not None:
            self.environment["DAEMON"] = str(self.daemon.pid)
        return subprocess.run(["/bin/sh", "-c", self.here(line)], cwd=self.top, text=True,
                              env=self.environment, capture_output=True, timeout=seconds,
                              check=False)


def first_bounce():
    """A bounce of the project's own mails."""
    folder = os.path.join(ROOT, "tests/corpus")
    for name in sorted(os.listdir(folder)):
        if name.startswith("postfix") and name.endswith(".eml"):
            return os.path.join(folder, name)
    raise SystemExit("tests/corpus has no bounce of Postfix")


def is_command(line):
    return line == "make" or line.startswith(PROGRAMS)


def start_daemon(place):
    """`sudo whybounced`, in the foreground so that it can be stopped."""
    user = os.path.join(place.top, "var/spool/postfix/whybounced")
    place.daemon = subprocess.Popen(
        [os.path.join(place.top, "usr/local/sbin/whybounced"), "-f", "-c", place.settings],
        env=place.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for _ in range(100):
        if os.path.exists(os.path.join(user, "whybounced.sock")):
            return True, ""
        if place.daemon.poll() is not None:
            return False, place.daemon.stdout.read().decode()
        time.sleep(0.1)
    return False, "no socket after ten seconds"


def settings_lines(place, lines):
    """Appends the lines of a block to the settings file."""
    with open(place.settings, "a", encoding="utf-8") as file:
        for line in lines:
            file.write(place.here(line) + "\n")
        file.write('user = "nobody"\n')
    folder = os.path.join(place.top, "var/spool/postfix/whybounced")
    shutil.chown(folder, "nobody")
    for path in (place.top, folder):
        os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | 0o055)


def main_cf(place, lines):
    """Makes a Postfix's configuration with the lines of a block; its smtpd runs chrooted."""
    folder = os.path.join(place.top, "etc/postfix")
    os.makedirs(folder)
    with open(os.path.join(folder, "main.cf"), "w", encoding="utf-8") as file:
        file.write("compatibility_level = 3.6\n"
                   f"queue_directory = {place.top}/var/spool/postfix\n" + "\n".join(lines) + "\n")
    with open(os.path.join(folder, "master.cf"), "w", encoding="utf-8") as file:
        file.write("smtp inet n - y - - smtpd\ncleanup unix n - y - 0 cleanup\n")


def expectations(line, done):
    """What a command must print, besides ending well."""
    if line == "sudo make demo":
        return all(words in done.stdout for words in (
            "What happened", "What you can do", "Who can fix it", "High probability of spam"))
    if "doctor" in line:
        return "nothing is wrong" in done.stdout and "in a chroot and see the socket" in done.stdout
    if "explain" in line:
        return "\n\n" in done.stdout and len(done.stdout) > 200
    if "show --json" in line:
        return '"recipients"' in done.stdout
    return True


def run_command(place, line):
    if line == CHECK:
        check(f"{line}: runs this test",
              "test_readme.py" in open(os.path.join(ROOT, "Makefile"), encoding="utf-8").read())
        return
    if line == "sudo whybounced":
        started, why = start_daemon(place)
        check(line, started, why)
        return
    done = place.run(line)
    check(line, done.returncode == 0 and expectations(line, done),
          told(done))


def main():
    if len(sys.argv) != 2:
        raise SystemExit("usage: test_readme.py MAKE")
    seen = 0
    with tempfile.TemporaryDirectory(prefix="whybounced-readme.") as top:
        place = Place(top, sys.argv[1])
        try:
            for lines in blocks():
                if all(re.match(r"(socket|hostname) = ", line) for line in lines):
                    settings_lines(place, lines)
                    continue
                if lines[0].startswith("smtpd_milters"):
                    with open(os.path.join(ROOT, "contrib/postfix/main.cf"),
                              encoding="utf-8") as file:
                        text = file.read()
                    main_cf(place, lines)
                    for line in lines:
                        check(f"contrib/postfix/main.cf has: {line}", line in text)
                    continue
                for line in lines:
                    if is_command(line):
                        seen += 1
                        run_command(place, line)
            with open(os.path.join(top, "annotated.eml"), encoding="utf-8",
                      errors="replace") as file:
                check("annotated.eml is annotated", "Bounce-Cause: " in file.read())
            check("the daemon lives through all of it",
                  place.daemon is not None and place.daemon.poll() is None)
        finally:
            if place.daemon is not None:
                place.daemon.send_signal(signal.SIGTERM)
                try:
                    place.daemon.wait(40)
                except subprocess.TimeoutExpired:
                    place.daemon.kill()
    check(f"{seen} commands found", seen >= 15)
    return finish()


if __name__ == "__main__":
    sys.exit(main())

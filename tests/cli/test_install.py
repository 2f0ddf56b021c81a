#!/usr/bin/env python3
"""`make install` and `make uninstall`: what lies where, and that it runs from there.

usage: test_install.py MAKE

MAKE is called in the checkout that this file lies in; everything goes below a temporary
DESTDIR. Prints `ok N - name` or `not ok N - name` a test, exits 1 if any failed.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "tests"))
sys.dont_write_bytecode = True
from tap import attempt, check, finish, told  # noqa: E402

SETTINGS = "etc/whybounced/whybounced.conf"
RECIPES = ("exim/whybounce.conf", "procmail/whybounce.rc", "maildrop/whybounce.mailfilter",
           "opensmtpd/whybounce.conf", "sieve/whybounce.sieve", "sieve/95-whybounce.conf",
           "sendmail/whybounced.mc")
PROGRAMS = {"whybounce": "bin", "whybounced": "sbin"}


def make(*words):
    """Calls make in the checkout."""
    return subprocess.run([sys.argv[1], "-C", ROOT, "--no-print-directory", *words], text=True,
                          capture_output=True, timeout=600, check=False)


def run(*words, stdin=b""):
    """Calls a program from / and with next to no environment."""
    return subprocess.run(words, input=stdin, capture_output=True, timeout=60, check=False,
                          cwd="/", env={"PATH": "/usr/bin:/bin"})


def files(folder):
    """Every file below a folder: its path there -> its mode."""
    return {os.path.relpath(os.path.join(path, name), folder):
            os.stat(os.path.join(path, name)).st_mode & 0o7777
            for path, _, names in os.walk(folder) for name in names}


def read(path):
    """A file's bytes."""
    with open(path, "rb") as file:
        return file.read()


def expected(prefix):
    """What must be there: path -> mode."""
    found = {os.path.join(prefix, folder, name): 0o755 for name, folder in PROGRAMS.items()}
    found[SETTINGS] = 0o644
    manual = os.path.join(ROOT, "src", "man")
    for name in os.listdir(manual) if os.path.isdir(manual) else ():
        if re.fullmatch(r".*\.[158]", name):
            found[os.path.join(prefix, "share/man/man" + name[-1], name)] = 0o644
    for name in RECIPES:
        found[os.path.join(prefix, "share/whybounced", name)] = 0o644
    found[os.path.join(prefix, "share/whybounced/whybounce-guard")] = 0o755
    return found


def test_files(folder):
    """Places and modes, with PREFIX=/usr and without; twice; under a strict umask."""
    result = make("install", f"DESTDIR={folder}/usr-tree", "PREFIX=/usr")
    if result.returncode != 0:
        raise RuntimeError(f"make install fails: {told(result)}")
    check("files are where packages expect them", files(f"{folder}/usr-tree") == expected("usr"),
          files(f"{folder}/usr-tree"))
    check("the settings are those of conf/", read(f"{folder}/usr-tree/{SETTINGS}") ==
          read(os.path.join(ROOT, "conf", "whybounced.conf")))
    old = os.umask(0o077)
    result = make("install", f"DESTDIR={folder}/local-tree")
    os.umask(old)
    check("make install alone goes to /usr/local, whatever the umask", result.returncode == 0 and
          files(f"{folder}/local-tree") == expected("usr/local"), told(result))
    folders = [path for path, _, _ in os.walk(f"{folder}/local-tree")]
    check("its folders can be read by all", all(os.stat(path).st_mode & 0o555 == 0o555
                                                for path in folders[1:]), folders)


def test_settings_stay(folder):
    """Settings that are there already are not overwritten, programs are."""
    tree = f"{folder}/usr-tree"
    own = b'hostname = "mail.example.org"\n'
    with open(f"{tree}/{SETTINGS}", "wb") as file:
        file.write(own)
    with open(f"{tree}/usr/bin/whybounce", "wb") as file:
        file.write(b"an old one")
    result = make("install", f"DESTDIR={tree}", "PREFIX=/usr")
    check("an existing whybounced.conf stays", result.returncode == 0 and
          read(f"{tree}/{SETTINGS}") == own, told(result))
    check("an old program is replaced", read(f"{tree}/usr/bin/whybounce")[:4] == b"\x7fELF" and
          files(tree) == expected("usr"), files(tree))


def own_settings(folder):
    """How to keep the programs from the settings of this machine, if it has some."""
    if not os.path.exists("/" + SETTINGS):
        return []
    path = os.path.join(folder, "empty.conf")
    with open(path, "wb"):
        pass
    return ["-c", path]


def test_client(folder):
    """The command-line program, with nothing but its file."""
    program = os.path.join(folder, "alone", "whybounce")
    os.mkdir(os.path.dirname(program))
    os.rename(f"{folder}/usr-tree/usr/bin/whybounce", program)
    settings = own_settings(folder)
    result = run(program, "-V")
    check("whybounce -V", result.returncode == 0 and result.stdout.startswith(b"whybounce "),
          told(result))
    result = run(program, "explain", *settings, "-l", "cs",
                 "554 5.7.1 Client host [192.0.2.7] blocked using zen.spamhaus.org")
    check("whybounce explain knows rules, languages and lists by itself", result.returncode == 0
          and "Spamhaus" in result.stdout.decode() and "Co se stalo" in result.stdout.decode(),
          told(result))
    result = run(program, "check", *settings)
    check("whybounce check finds no fault", result.returncode == 0 and
          b"no faults" in result.stdout and (settings or b"(built-in)" in result.stdout),
          told(result))
    mail = b"From: anna@example.com\nSubject: Lunch\n\nAt noon?\n"
    result = run(program, "filter", *settings, stdin=mail)
    check("whybounce filter passes mail on", result.returncode == 0 and result.stdout == mail,
          told(result))
    os.rename(program, f"{folder}/usr-tree/usr/bin/whybounce")


def greet(path):
    """True once something listens on a Unix socket."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with client:
        try:
            client.connect(path)
        except OSError:
            return False
        return True


def test_daemon(folder):
    """The daemon starts from there with a settings file that says only where it listens."""
    program = f"{folder}/usr-tree/usr/sbin/whybounced"
    result = run(program, "-V")
    check("whybounced -V", result.returncode == 0 and result.stdout.startswith(b"whybounced "),
          told(result))
    os.chmod(folder, 0o755)
    os.mkdir(f"{folder}/run")
    os.chmod(f"{folder}/run", 0o777)
    path = f"{folder}/run/sock"
    with open(f"{folder}/daemon.conf", "w", encoding="ascii") as file:
        user = "nobody" if os.geteuid() == 0 else ""
        file.write(f'socket = "unix:{path}"\nuser = "{user}"\n')
    with subprocess.Popen([program, "-f", "-c", f"{folder}/daemon.conf"], cwd="/", text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={"PATH": "/usr/bin:/bin"}) as daemon:
        end = time.monotonic() + 20
        while not greet(path) and daemon.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        listens = greet(path)
        daemon.send_signal(signal.SIGTERM)
        try:
            said, _ = daemon.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            said = "it did not end\n" + daemon.communicate()[0]
    check("whybounced starts, listens and ends", listens and daemon.returncode == 0,
          f"exit status {daemon.returncode}\n{said}")


def test_uninstall(folder):
    """Everything that was put goes, but for the settings."""
    tree = f"{folder}/usr-tree"
    other = f"{tree}/usr/bin/other"
    with open(other, "wb"):
        pass
    result = make("uninstall", f"DESTDIR={tree}", "PREFIX=/usr")
    check("make uninstall", result.returncode == 0, told(result))
    check("the settings and what is not ours stay", set(files(tree)) == {SETTINGS, "usr/bin/other"},
          files(tree))
    ours = [path for path, _, _ in os.walk(tree) if os.path.basename(path).startswith("whybounce")]
    check("no empty folder of ours stays", ours == [f"{tree}/etc/whybounced"], ours)
    result = make("uninstall", f"DESTDIR={tree}", "PREFIX=/usr")
    check("make uninstall where nothing is", result.returncode == 0, told(result))


def main():
    """Runs the tests in order, for each builds on those before; returns the exit status."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="whybounce-install-") as folder:
        for test in (test_files, test_settings_stay, test_client, test_daemon, test_uninstall):
            if not attempt(test, folder):
                break
    return finish()


if __name__ == "__main__":
    sys.exit(main())

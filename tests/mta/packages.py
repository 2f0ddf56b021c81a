"""Debian packages that are downloaded and unpacked, never installed.

Debian lets only one mail server be installed, and a package may start a service. What tests
need of such a package is taken from its .deb, which is fetched once into a folder of the
caller's, so no maintainer script is run and nothing of this machine is changed.
"""

import os
import re
import shutil
import subprocess
import tempfile

from machine import CHECKOUT, MachineError

PACKAGES = os.path.join(CHECKOUT, "build", "packages")  # where packages are kept

# What a program needs besides libraries. The rest that its package depends on serves to
# install it.
FETCHED_WITH = {
    "sendmail-bin": ["sendmail-base", "sendmail-cf", "sensible-mda", "m4", "procmail"],
    "exim4-daemon-light": ["exim4-base"],
    "maildrop": ["courier-authlib"],
    "dovecot-sieve": ["dovecot-core"],
    "dovecot-lmtpd": ["dovecot-core", "dovecot-sieve"],
}


class PackageError(MachineError):
    """A package cannot be had, or a program in it does not run."""


def fetch(package, folder=PACKAGES):
    """The package's .deb and those that it needs, as paths: from the folder if they are there
    already, else by apt-get download, which needs the network, into the folder."""
    index = os.path.join(folder, package + ".list")
    try:
        with open(index) as names:
            paths = [os.path.join(folder, name) for name in names.read().split()]
        wanted = [package] + FETCHED_WITH.get(package, [])
        if all(map(os.path.isfile, paths)) and all(
                any(os.path.basename(path).startswith(name + "_") for path in paths)
                for name in wanted):
            return paths
    except OSError:
        pass
    os.makedirs(folder, exist_ok=True)
    if shutil.which("apt-get") is None:
        raise PackageError(f"{package} is taken from Debian's packages, and this is no Debian")
    try:
        wanted = _wanted(package)
        download(wanted, folder)
    except PackageError:  # lists of packages that are missing or too old
        _call(["apt-get", "update", "-qq"], folder)
        wanted = _wanted(package)
        download(wanted, folder)
    names = [_newest(name, folder) for name in wanted]
    new = f"{index}.{os.getpid()}"  # another test program may do the same now
    with open(new, "w") as out:
        out.writelines(name + "\n" for name in names)
    os.rename(new, index)
    return [os.path.join(folder, name) for name in names]


def find_or_unpack(program, package, folder):
    """The path of a program: this machine's, else the one of a package, which is unpacked into
    the folder and not installed, for that might start a service."""
    path = shutil.which(program)
    if path is None:
        for archive in fetch(package):
            _call(["dpkg-deb", "-x", archive, folder], "/")
        path = os.path.join(folder, "usr", "bin", program)
    return path


def _wanted(package):
    """The package, those it is fetched with, and all libraries that this machine lacks."""
    chosen = [package] + FETCHED_WITH.get(package, [])
    wanted, looked_at = [], set()
    while chosen:
        wanted += chosen
        listed = _call(["apt-cache", "depends", "--important", *chosen], "/")
        # Tools of the maintainer scripts need others, lib…-perl and so on; no program does.
        libraries = set(re.findall(r"Depends: (lib(?!js-)[a-z0-9.+-]*\d[a-z0-9]*)$", listed,
                                   re.M))
        chosen = sorted(name for name in libraries - looked_at if not _installed(name))
        looked_at |= libraries
    return wanted


def _installed(package):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout == b"installed"


def download(packages, folder):
    """apt-get download of all packages; each .deb is in the folder whole or not at all."""
    with tempfile.TemporaryDirectory(prefix="new-", dir=folder) as new:
        _call(["apt-get", "download", "-qq", *packages], new)
        for name in os.listdir(new):
            os.rename(os.path.join(new, name), os.path.join(folder, name))


def _newest(package, folder):
    names = [name for name in os.listdir(folder) if name.startswith(package + "_")
             and name.endswith(".deb")]
    if not names:
        raise PackageError(f"apt-get download {package} has left nothing")
    return max(names, key=lambda name: os.stat(os.path.join(folder, name)).st_mtime)


def _call(command, folder):
    """Runs a command and returns what it printed; PackageError if it fails."""
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, umask=0o022)
    if done.returncode != 0:
        raise PackageError(f"{' '.join(command)}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode(errors="replace")

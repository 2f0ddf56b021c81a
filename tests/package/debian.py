"""A new Debian in a folder, made by debootstrap from the mirror that apt uses.

Everything that runs in there has processes and mounts, and after isolate() a network, of its
own, so this machine's mail servers notice nothing. It needs root.
"""

import fnmatch
import os
import re
import signal
import subprocess
import sys

from steps import ROOT, Broken, call
from machine import wait_until
from tap import told

CACHE = os.path.join(ROOT, "build", "packages", "debootstrap")  # Debian's packages, kept

# What everybody's programs write in there; the rest is a package's own.
OWN_NOTES = ("/var/lib/dpkg/*", "/var/log/*", "/var/cache/*", "/var/lib/systemd/*", "/tmp/*",
             "/etc/*-", "/etc/.pwd.lock", "/run/*", "/var/spool/postfix/*", "/var/mail/*",
             "/var/lib/postfix/*", "/proc/*", "/dev/*", "/sys/*")

# Run by python3 in its network: brings the loopback interface up, which a new network has down.
LOOPBACK_UP = """\
import fcntl, socket, struct
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
"""


def release():
    """The code name of this machine's Debian."""
    with open("/etc/os-release", encoding="utf-8") as file:
        return re.search(r"^VERSION_CODENAME=(\w+)", file.read(), re.M).group(1)


def mirror():
    """Where apt has the packages of this release from."""
    listed = call("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)",
                  "Created-By: Packages").stdout
    for line in listed.splitlines():
        uri, codename, component = line.split(" ")
        if codename == release() and component == "main":
            return uri
    raise Broken(f"apt has no source for {release()} main:\n{listed}")


def environment():
    """The environment of everything that runs in the new Debian."""
    words = call("apt-config", "shell", "proxy", "Acquire::http::Proxy").stdout
    found = re.match(r"proxy='(.*)'", words)
    proxy = {"http_proxy": found.group(1)} if found else {}
    proxy.update((name, value) for name, value in os.environ.items()
                 if name.lower() in ("http_proxy", "no_proxy"))
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
            "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **proxy}


class Debian:
    """A new Debian in a folder. Until isolate() it has this machine's network, then its own."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = environment()
        self._keeper = self._first = None
        os.makedirs(CACHE, exist_ok=True)
        # With mounts of its own, so that none is left behind whatever happens.
        done = call("unshare", "--mount", "debootstrap", "--variant=minbase",
                    f"--cache-dir={CACHE}", release(), folder, mirror(), env=self.environment)
        if done.returncode != 0:
            raise Broken(told(done) + self.read("/debootstrap/debootstrap.log")[-1000:])
        self.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)  # start nothing

    def path(self, name):
        """The path here of a path in there."""
        return self.folder + name

    def write(self, name, text, mode=0o644):
        """Writes a file in there."""
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)

    def read(self, name):
        """A file's text; empty if there is none."""
        try:
            with open(self.path(name), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def isolate(self):
        """From now on there is no network but loopback, and one family of processes."""
        self._keeper = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child",
             f"--mount-proc={self.folder}/proc", "chroot", self.folder, "sleep", "infinity"],
            env=self.environment, cwd="/", stdin=subprocess.DEVNULL)
        children = f"/proc/{self._keeper.pid}/task/{self._keeper.pid}/children"

        def started():
            with open(children) as file:
                self._first = file.read().strip()
            return self._first and os.path.exists(self.path("/proc")) and \
                os.readlink(f"/proc/{self._first}/root") == self.folder

        if not wait_until(started, 10):
            raise Broken("no namespaces are to be had")
        self.python(LOOPBACK_UP)

    def _inside(self, *words):
        if self._first is None:
            return ["unshare", "--mount", "--pid", "--fork", "--kill-child",
                    f"--mount-proc={self.folder}/proc", "chroot", self.folder, *words]
        return ["nsenter", f"--target={self._first}", "--net", "--mount", "--pid", "--uts",
                "--ipc", "--root", "--wd", *words]

    def run(self, *words, **options):
        """Runs a program in there to its end."""
        return call(*self._inside(*words), env=self.environment, cwd="/", umask=0o022, **options)

    def must(self, *words, **options):
        """run() of what has to go well."""
        done = self.run(*words, **options)
        if done.returncode != 0:
            raise Broken(f"{' '.join(words)}: {told(done)}")
        return done

    def start(self, *words):
        """Starts a program that stays in the foreground; returns its subprocess.Popen."""
        with open(self.path("/var/log/started"), "ab") as log:
            return subprocess.Popen(self._inside(*words), env=self.environment, cwd="/",
                                    umask=0o022, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def python(self, program, *words, **options):
        """Runs a Python program of ours in its network; the new Debian has no Python."""
        done = call("nsenter", f"--target={self._first}", "--net", sys.executable, "-c", program,
                    *words, **options)
        if done.returncode != 0:
            raise Broken(told(done))

    def everything(self):
        """All paths in there but for OWN_NOTES."""
        found = set()
        for folder, folders, names in os.walk(self.folder):
            for name in folders + names:
                path = os.path.join(folder, name)[len(self.folder):]
                if not any(fnmatch.fnmatchcase(path, pattern) for pattern in OWN_NOTES):
                    found.add(path)
        return found

    def end(self):
        """Ends everything that runs in there: it goes with the first process."""
        if self._keeper is not None:
            self._keeper.send_signal(signal.SIGKILL)
            self._keeper.wait(10)

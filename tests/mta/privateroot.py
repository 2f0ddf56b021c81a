"""A folder that programs of Debian packages take for the root of the file system.

The packages (see packages.py) are unpacked into it, and the programs run chrooted in it, so
that they find their files where they expect them, and users that this machine has never heard
of. Neither /etc nor /var/spool of this machine is touched. All this needs root.
"""

import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from machine import wait_until
from maildir import read_maildir, wait_for_mails
from packages import PACKAGES, PackageError, fetch
from postfix import HOSTNAME

FIRST_UID = 61000  # users of a PrivateRoot; nobody on a Debian machine has such a number

# For mail programs, recipes and Sendmail's m4 files that start a shell.
SYSTEM_PROGRAMS = ("/bin/sh", "/bin/cat", "/bin/rm", "/bin/mktemp", "/bin/sed", "/bin/date",
                   "/bin/uname", "/usr/bin/head", "/usr/bin/id", "/usr/bin/logger")


class PrivateRoot:
    """A folder that programs take for the root of the file system. Use it in a `with`
    statement, or call remove() at the end: that also ends what still runs in there.

    directory   the folder; it lies below /var/lib, since Sendmail and others refuse to work
                below one that everybody may write
    users       ordinary users: each has a home, and a group of the same name
    log()       what the programs have sent to the system log
    """

    def __init__(self, packages, users=("user",), system_users=(), folder=PACKAGES):
        if os.geteuid() != 0:
            raise PackageError("only root can make a private root directory")
        archives = [path for package in packages for path in fetch(package, folder)]
        self.directory = tempfile.mkdtemp(prefix="private-root-", dir="/var/lib")
        try:
            os.chmod(self.directory, 0o755)
            self.users = tuple(users)
            self._make_system(system_users)
            for archive in dict.fromkeys(archives):
                self._unpack(archive)
            self._drop_privileges_of_files()
            for program in SYSTEM_PROGRAMS:
                self.add_program(program)
            self._add_libraries()
            self._lines = []
            self._start_log()
        except BaseException:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()

    def path(self, name):
        """Where a path of the programs is for everybody else."""
        return os.path.join(self.directory, name.lstrip("/"))

    def home(self, user):
        """The home of a user, as the programs see it."""
        return f"/home/{user}"

    # Making it

    def _make_system(self, system_users):
        for name in ("bin", "sbin", "lib", "lib64"):
            os.makedirs(self.path("usr/" + name))
            os.symlink("usr/" + name, self.path(name))
        for name, mode in (("dev", 0o755), ("etc", 0o755), ("home", 0o755), ("run", 0o755),
                           ("tmp", 0o1777), ("var/mail", 0o2775), ("var/spool", 0o755),
                           ("var/lib", 0o755), ("var/log", 0o755), ("var/tmp", 0o1777)):
            self.make_directory(name, mode)
        os.symlink("/run", self.path("var/run"))
        os.symlink("/var/mail", self.path("var/spool/mail"))
        os.chown(self.path("var/mail"), 0, 8)
        for number, name in ((3, "null"), (5, "zero"), (8, "random"), (9, "urandom")):
            os.mknod(self.path("dev/" + name), 0o20666, os.makedev(1, number))
            os.chmod(self.path("dev/" + name), 0o666)
        people = [("root", 0, "/root"), ("daemon", 1, "/usr/sbin"), ("mail", 8, "/var/mail"),
                  ("nobody", 65534, "/nonexistent")]
        people += [(name, FIRST_UID + 500 + number, "/nonexistent")
                   for number, name in enumerate(system_users)]
        people += [(name, FIRST_UID + number, self.home(name))
                   for number, name in enumerate(self.users)]
        self.write("etc/passwd", "".join(f"{name}:x:{number}:{number}::{home}:/bin/sh\n"
                                         for name, number, home in people))
        self.write("etc/group", "nogroup:x:65534:\n" + "".join(
            f"{name}:x:{number}:\n" for name, number, _ in people if name != "nobody"))
        self.write("etc/shells", "/bin/sh\n")
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
        self.write("etc/hosts", f"127.0.0.1 localhost {HOSTNAME}\n")
        self.write("etc/resolv.conf", "")
        self.write("etc/mailname", HOSTNAME + "\n")
        shutil.copy("/etc/services", self.path("etc/services"))
        for user in self.users:
            self.make_directory(self.home(user), 0o700, user)

    def make_directory(self, name, mode=0o755, owner="root"):
        """A directory, and those above it."""
        os.makedirs(self.path(name), exist_ok=True)
        os.chown(self.path(name), self.uid(owner), self.uid(owner))
        os.chmod(self.path(name), mode)

    def write(self, name, text, mode=0o644, owner="root"):
        """A file with this text, or these bytes."""
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as out:
            out.write(text if isinstance(text, bytes) else text.encode())
        os.chown(self.path(name), self.uid(owner), self.uid(owner))
        os.chmod(self.path(name), mode)

    def uid(self, user):
        """The number of a user in here, and of the group of that name."""
        if user == "root":
            return 0
        with open(self.path("etc/passwd")) as passwd:
            for line in passwd:
                if line.startswith(user + ":"):
                    return int(line.split(":")[2])
        raise PackageError(f"no user {user} in {self.directory}")

    def _unpack(self, archive):
        # Not dpkg -x: it would put directories in place of /lib and /bin, which are links.
        unpack = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        with unpack:
            status = subprocess.run(
                ["tar", "-x", "-C", self.directory, "--keep-directory-symlink",
                 "--exclude=./usr/share/doc", "--exclude=./usr/share/man",
                 "--exclude=./usr/share/locale"], stdin=unpack.stdout).returncode
        if status != 0 or unpack.returncode != 0:
            raise PackageError(f"{archive} cannot be unpacked")

    def _drop_privileges_of_files(self):
        # Nobody else on this machine shall be able to become root by a program in here;
        # those that need it are started by root.
        for path in self._files():
            mode = os.lstat(path).st_mode
            if mode & 0o6000:
                os.chmod(path, mode & 0o1777)

    def _files(self):
        for folder, _, names in os.walk(self.path("usr")):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    yield path

    def add_program(self, source, name=None):
        """Copies a program of this machine into the folder, with its libraries."""
        target = self.path(name or source)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(source, target + ".new")
        os.chmod(target + ".new", 0o755)
        os.rename(target + ".new", target)
        self.add_libraries_of(target)

    def add_charsets(self):
        """Copies the C library's tables of character sets, which are loaded at run time."""
        for folder in glob.glob("/usr/lib/*/gconv"):
            if not os.path.exists(self.path(folder)):
                shutil.copytree(folder, self.path(folder))

    def _add_libraries(self):
        programs = []
        for path in self._files():
            with open(path, "rb") as candidate:
                if candidate.read(4) == b"\x7fELF":
                    programs.append(path)
        inside = {os.path.dirname(path) for path in programs if ".so" in path}
        for path in programs:
            self.add_libraries_of(path, ":".join(sorted(inside)))

    def add_libraries_of(self, program, inside=""):
        """Copies what the program is linked with and the folder does not have yet."""
        listed = subprocess.run(["ldd", program], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL,
                                env={**os.environ, "LC_ALL": "C", "LD_LIBRARY_PATH": inside})
        listed = listed.stdout.decode(errors="replace")
        missing = re.findall(r"(\S+) => not found", listed)
        if missing:
            raise PackageError(f"{program} needs {' '.join(missing)}; is a list in the folder "
                               "of packages older than this machine? Remove the folder")
        for library in re.findall(r"(?:^|=>)\s*(/\S+) \(0x", listed, re.M):
            if not library.startswith(self.directory) and not os.path.exists(
                    self.path(library)):
                os.makedirs(os.path.dirname(self.path(library)), exist_ok=True)
                shutil.copy(library, self.path(library))

    # The system log: a socket that a thread listens on

    def _start_log(self):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path("dev/log"))
        os.chmod(self.path("dev/log"), 0o666)
        threading.Thread(target=self._read_log, daemon=True).start()

    def _read_log(self):
        while True:
            try:
                line = self._socket.recv(65536)
            except OSError:
                return
            self._lines.append(line.decode(errors="replace").rstrip("\n\0"))

    def log(self):
        """What the programs have logged, as text, a message a line."""
        return "\n".join(self._lines)

    # Running programs in it

    def command(self, *arguments, user=None):
        """The arguments that run a program in here, as root or as a user."""
        who = [] if user is None else [f"--userspec={self.uid(user)}:{self.uid(user)}",
                                       "--groups="]
        return ["chroot", *who, self.directory, *arguments]

    def run(self, *arguments, input=b"", user=None, environment=None, check=True):
        """Runs a program to its end. Returns a subprocess.CompletedProcess; PackageError if
        it fails and `check` is true."""
        home = "/root" if user is None else self.home(user)
        done = subprocess.run(
            self.command(*arguments, user=user), input=input, capture_output=True, cwd="/",
            env={"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin", "HOME": home,
                 "LOGNAME": user or "root", "LC_ALL": "C", **(environment or {})},
            umask=0o022, timeout=60)
        if check and done.returncode != 0:
            raise PackageError(f"{' '.join(arguments)}: status {done.returncode}: "
                               f"{(done.stdout + done.stderr).decode(errors='replace')}")
        return done

    def start(self, *arguments):
        """Starts a server as root, which does not go into the background; returns its
        subprocess.Popen. What it prints goes to the file output."""
        with open(self.path("output"), "ab") as output:
            return subprocess.Popen(
                self.command(*arguments), stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, cwd="/", umask=0o022, start_new_session=True,
                env={"PATH": "/usr/bin:/bin:/usr/sbin", "LC_ALL": "C"})

    def output(self):
        """All that servers have printed, as text."""
        try:
            with open(self.path("output"), errors="replace") as output:
                return output.read()
        except OSError:
            return ""

    def processes(self):
        """The numbers of all processes that run in here."""
        found = []
        for number in filter(str.isdigit, os.listdir("/proc")):
            try:
                root = os.readlink(f"/proc/{number}/root")
            except OSError:
                continue
            if root == self.directory or root.startswith(self.directory + "/"):
                found.append(int(number))
        return found

    def end_processes(self):
        """Ends all processes that run in here, children of children too."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in self.processes():
                try:
                    os.kill(process, number)
                except ProcessLookupError:
                    pass
            if wait_until(lambda: not self.processes(), 5):
                return

    def remove(self):
        """end_processes(), and the folder is gone."""
        self.end_processes()
        self._socket.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    # Mail

    def mails(self, user="user", box="Maildir"):
        """All mails in a Maildir in the user's home as bytes, the first delivered first."""
        return read_maildir(self.path(f"{self.home(user)}/{box}"))

    def wait_for_mail(self, count, timeout=20, user="user"):
        """mails(user) as soon as there are `count`; PackageError after `timeout` seconds."""
        mails = wait_for_mails(self.path(f"{self.home(user)}/Maildir"), count, timeout)
        if len(mails) < count:
            raise PackageError(f"{len(mails)} of {count} mails for {user} after {timeout} s")
        return mails

#!/usr/bin/env python3
"""The service files of contrib/, and the daemon under what the systemd unit allows it.

usage: test_units.py MAKE [WHYBOUNCED]

MAKE is called for `make -n install`; WHYBOUNCED is the built daemon (build/whybounced if not
given). Must run as root, on a machine with systemd's programs; systemd itself need not run: its
rules are put on by hand, as far as the kernel knows them. promtool is Prometheus' and comes from
Debian's package, which is only unpacked. Prints `ok N - name` or `not ok N -
name` a test, exits 1 if any failed.
"""

import ctypes
import mmap
import os
import platform
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path += [os.path.join(ROOT, "tests"), os.path.join(ROOT, "tests", "mta")]
sys.dont_write_bytecode = True
from packages import find_or_unpack  # noqa: E402
from tap import attempt, check, finish, told  # noqa: E402

CONTRIB = os.path.join(ROOT, "contrib")
UNIT = os.path.join(CONTRIB, "systemd", "whybounced.service")
EXPOSURE_LIMIT = 2.0
NOT_OURS = ("/bin/kill", "/bin/sh")  # commands that every system has

# Folders that systemd makes for a unit, by the setting that names them.
FOLDERS = {"RuntimeDirectory": "/run", "StateDirectory": "/var/lib", "LogsDirectory": "/var/log",
           "CacheDirectory": "/var/cache", "ConfigurationDirectory": "/etc"}

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_CAPBSET_DROP = 38, 22, 24

# A bounce for the daemon, over the milter protocol.
FIELDS = (("From", "MAILER-DAEMON@mx.example.net"), ("To", "anna@example.org"),
          ("Subject", "Undelivered Mail Returned to Sender"), ("MIME-Version", "1.0"),
          ("Content-Type", 'multipart/report; report-type=delivery-status; boundary="part"'))
BODY = """\
--part
Content-Type: text/plain

The message was not delivered.

--part
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; piotr@example.net
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp; 552 5.2.2 Mailbox full

--part--
""".replace("\n", "\r\n")


def call(*words, **options):
    """Runs a program to its end."""
    return subprocess.run(words, text=True, capture_output=True, timeout=120, check=False,
                          stdin=subprocess.DEVNULL, **options)


def read(path):
    """A file's text."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def settings_of(unit):
    """A unit as a list of (name, value)."""
    joined = re.sub(r"\\\n\s*", " ", unit)
    return [tuple(part.strip() for part in line.split("=", 1)) for line in joined.splitlines()
            if "=" in line and not line.startswith(("#", ";"))]


# --- What the unit says

def test_exposure():
    """How much of the machine is open to the daemon, by systemd's own measure."""
    result = call("systemd-analyze", "security", "--offline=true", "--no-pager", UNIT)
    found = re.search(r"exposure level for whybounced.service: (\d+\.\d+)", result.stdout)
    check(f"systemd-analyze security: {found.group(1) if found else '?'}, less than "
          f"{EXPOSURE_LIMIT}", found and float(found.group(1)) < EXPOSURE_LIMIT, told(result))


def installed():
    """The paths of programs, pages and settings that `make install PREFIX=/usr` puts down."""
    result = call(sys.argv[1], "-C", ROOT, "-n", "--no-print-directory", "install",
                  "PREFIX=/usr", "DESTDIR=/the-root")
    paths = set()
    for line in result.stdout.replace("\\\n", " ").splitlines():
        found = re.search(r"install -m \d+ (\S+)\s+/the-root(/\S+)", line)
        if found and "$" not in found.group(0):
            paths.add(os.path.join(found.group(2), os.path.basename(found.group(1))))
    if result.returncode != 0 or not paths:
        raise RuntimeError(f"make -n install: {told(result)}")
    return paths


def test_paths():
    """Each path in the unit is one that the installation or systemd makes."""
    settings = settings_of(read(UNIT))
    there = installed()
    folders = {os.path.join(FOLDERS[name], value) for name, value in settings if name in FOLDERS}
    for name, value in settings:
        for path in re.findall(r"(?<![\w./-])/[\w./-]+", value):
            good = path in there or any((path + "/").startswith(folder + "/")
                                        for folder in folders)
            good = good or (name.startswith("Exec") and path in NOT_OURS and
                            os.access(path, os.X_OK))
            good = good or (name == "ReadWritePaths" and "-" + path in value)
            check(f"{name}: {path} is where the installation puts it", good, sorted(there))
    pages = [page for name, value in settings if name == "Documentation"
             for page in re.findall(r"man:(\S+)\((\d)\)", value)]
    check("its man pages are ours", pages and all(
        os.path.exists(f"{ROOT}/src/man/{page}.{section}") for page, section in pages), pages)


def test_chroot():
    """A socket for a chrooted Postfix may lie where the documents put it."""
    allowed = re.findall(r"-(\S+)", dict(settings_of(read(UNIT)))["ReadWritePaths"])
    for name in ("README", "contrib/debian/README.Debian"):
        folders = set(re.findall(r'^ *socket = "unix:(/var/\S+)/[^/\s]+"$',
                                 read(os.path.join(ROOT, name)), re.M))
        check(f"{name}: the unit may write where it puts the socket",
              folders and folders <= set(allowed), f"{folders} {allowed}")


def test_names():
    """The unit agrees with the settings and with the programs."""
    unit = dict(settings_of(read(UNIT)))
    conf = read(os.path.join(ROOT, "conf", "whybounced.conf"))
    default = dict(re.findall(r'^# (\w+) = "?([^"\n]*)"?$', conf, re.M))
    check("its user is that of the settings", unit["User"] == default["user"] == unit["Group"])
    check("its folder below /run is that of the settings' socket", default["socket"].startswith(
        f"unix:/run/{unit['RuntimeDirectory']}/"), default["socket"])
    program = unit["ExecStart"].split()
    check("the daemon stays in the foreground and says when it is ready",
          "-f" in program and unit["Type"] == "notify")
    sysusers = os.path.join(CONTRIB, "debian", "whybounced.sysusers")
    check("the package makes that user", f"u {unit['User']} " in read(sysusers))
    result = call("systemd-sysusers", "--dry-run", sysusers)
    check("systemd-sysusers understands it", result.returncode == 0, told(result))


def test_verify(folder):
    """systemd itself reads it without a complaint, once all programs are there."""
    paths = set()
    for name, value in settings_of(read(UNIT)):
        if name.startswith("Exec"):
            paths.add(value.split()[0])
    text = read(UNIT)
    for path in paths - set(NOT_OURS):
        stand_in = os.path.join(folder, os.path.basename(path))
        shutil.copy("/bin/true", stand_in)
        text = re.sub(rf"(?m)^(Exec\w+=){re.escape(path)}(?=\s)", rf"\1{stand_in}", text)
    unit = os.path.join(folder, "whybounced.service")
    with open(unit, "w", encoding="utf-8") as file:
        file.write(text)
    result = call("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit)
    complaints = [line for line in result.stderr.splitlines() if "whybounced" in line]
    check("systemd-analyze verify", result.returncode == 0 and not complaints, told(result))


def test_scripts():
    """The other systems' scripts are shell."""
    for name in ("openrc/whybounced", "rc.d/whybounced"):
        path = os.path.join(CONTRIB, name)
        result = call("sh", "-n", path)
        check(f"contrib/{name} is shell, and may be run", result.returncode == 0 and
              os.access(path, os.X_OK), told(result))
        check(f"contrib/{name} reloads by SIGUSR1 and checks the settings first",
              "USR1" in read(path) and "whybounce check" in read(path))


# --- The daemon under these rules

# A classic BPF instruction; offsets in struct seccomp_data.
LOAD, JUMP_IF_EQUAL, JUMP_IF_SET, RETURN = 0x20, 0x15, 0x45, 0x06
NUMBER, ARGUMENTS = 0, 16
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1  # with EPERM
PROT_EXEC = 4

# System call numbers of the machines that the tests know.
SYSCALLS = {
    "x86_64": {"mmap": 9, "mprotect": 10, "socket": 41, "execve": 59, "chmod": 90, "chown": 92,
               "setuid": 105, "setgid": 106, "prctl": None, "ptrace": 101, "mount": 165,
               "setrlimit": 160, "setpriority": 141, "sched_setaffinity": 203, "unshare": 272,
               "bpf": 321, "keyctl": 250, "pkey_mprotect": 329, "memfd_create": 319,
               "fchown": 93, "fchownat": 260, "setresuid": 117, "setgroups": 116},
    "aarch64": {"mmap": 222, "mprotect": 226, "socket": 198, "execve": 221, "fchownat": 54,
                "fchown": 55, "setuid": 146, "setgid": 144, "ptrace": 117, "mount": 40,
                "setrlimit": 164, "setpriority": 140, "sched_setaffinity": 122, "unshare": 97,
                "bpf": 280, "keyctl": 219, "pkey_mprotect": 288, "memfd_create": 279,
                "setresuid": 147, "setgroups": 159},
}
NEVER = ("chown", "fchown", "fchownat", "setuid", "setgid", "setresuid", "setgroups", "ptrace",
         "mount", "setrlimit", "setpriority", "sched_setaffinity", "unshare", "bpf", "keyctl",
         "memfd_create")


def rules():
    """A seccomp program with the heart of the unit's rules: no memory that can be written and
    then run, no sockets but Unix ones, none of @privileged, @resources and namespaces."""
    numbers = SYSCALLS[platform.machine()]

    def refuse_if(name, argument, jump, value):
        # A shared object is mapped executable too, but never writable at once.
        return [(JUMP_IF_EQUAL, 0, 4, numbers[name]), (LOAD, 0, 0, ARGUMENTS + 8 * argument),
                (jump, 0, 1, value) if jump == JUMP_IF_SET else (jump, 1, 0, value),
                (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)]

    program = [(LOAD, 0, 0, NUMBER)]
    program += refuse_if("mprotect", 2, JUMP_IF_SET, PROT_EXEC)
    program += refuse_if("pkey_mprotect", 2, JUMP_IF_SET, PROT_EXEC)
    program += refuse_if("socket", 0, JUMP_IF_EQUAL, socket.AF_UNIX)
    # mmap with both PROT_WRITE and PROT_EXEC
    program += [(JUMP_IF_EQUAL, 0, 5, numbers["mmap"]), (LOAD, 0, 0, ARGUMENTS + 16),
                (JUMP_IF_SET, 0, 2, 2), (JUMP_IF_SET, 0, 1, PROT_EXEC), (RETURN, 0, 0, REFUSE),
                (RETURN, 0, 0, ALLOW)]
    for name in NEVER:
        if numbers.get(name) is not None:
            program += [(JUMP_IF_EQUAL, 0, 1, numbers[name]), (RETURN, 0, 0, REFUSE)]
    return program + [(RETURN, 0, 0, ALLOW)]


class Filter(ctypes.Structure):
    """struct sock_fprog."""
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def confine(user, group):
    """Called in the child, as root: puts on the rules that need no mounts."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)
    os.umask(0o077)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs")
    program = b"".join(struct.pack("HBBI", *step) for step in rules())
    if libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(Filter(len(program) // 8, program)), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


# Mounts and namespaces, before the rules are put on: everything is read-only but the folder of
# the socket; no devices, no network, /tmp empty.
PRISON = """\
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount --bind "$2" "$2"
mount -o remount,bind,ro "$2"
mount -t tmpfs -o ro tmpfs /tmp
mount -o remount,bind,ro /
shift 2
exec "$@"
"""


def try_rules():
    """Prints, under the rules, what they refuse (1) and what not (0)."""
    calls = (lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | PROT_EXEC),
             lambda: socket.socket(socket.AF_INET), lambda: os.chown("/var/tmp", -1, -1),
             lambda: os.setpriority(os.PRIO_PROCESS, 0, 5),
             lambda: socket.socket(socket.AF_UNIX))
    for refused in calls:
        try:
            refused()
            print(0)
        except PermissionError:
            print(1)
    print(os.getuid())


class Confined:
    """A whybounced as the unit would have it."""

    def __init__(self, program):
        # Below /var/tmp because the checkout may lie where only root can look.
        self.folder = tempfile.mkdtemp(prefix="whybounce-units-", dir="/var/tmp")
        os.chmod(self.folder, 0o755)
        self.run = os.path.join(self.folder, "run")
        self.path = os.path.join(self.run, "whybounced.sock")
        self.program = os.path.join(self.folder, "bin", "whybounced")
        os.mkdir(self.run)
        os.mkdir(os.path.dirname(self.program))
        os.chown(self.run, 65534, 65534)
        shutil.copy(program, self.program)
        os.chmod(self.program, 0o755)
        self.conf = os.path.join(self.folder, "whybounced.conf")
        self.set()
        self.ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ready.bind(os.path.join(self.run, "notify"))
        os.chmod(os.path.join(self.run, "notify"), 0o777)
        self.ready.settimeout(20)
        self.log = open(os.path.join(self.folder, "log"), "w+", encoding="utf-8")
        me = os.path.abspath(__file__)
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--net", "--ipc", "--uts", "sh", "-c", PRISON, "sh", self.run,
             os.path.dirname(self.program), sys.executable, me, "--confined", self.program, "-f",
             "-c", self.conf], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd="/",
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
                 "NOTIFY_SOCKET": os.path.join(self.run, "notify")})

    def set(self, more=""):
        """Writes the settings."""
        with open(self.conf, "w", encoding="ascii") as file:
            file.write(f'socket = "unix:{self.path}"\nhostname = "mail.example.org"\n{more}')

    def reload(self, more):
        """Has it take other settings."""
        self.set(more)
        self.process.send_signal(signal.SIGUSR1)
        time.sleep(1)

    def wait_ready(self):
        """What it tells systemd at start; None if nothing."""
        try:
            return self.ready.recv(100)
        except socket.timeout:
            return None

    def said(self):
        """Its log."""
        self.log.flush()
        return read(self.log.name)

    def status(self, name):
        """A line of /proc/PID/status."""
        text = read(f"/proc/{self.process.pid}/status")
        return re.search(rf"(?m)^{name}:\s*(.*)$", text).group(1)

    def remove(self):
        """Ends it and removes its files."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self.ready.close()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def packet(kind, data=b""):
    """A packet of the milter protocol."""
    return struct.pack(">I", len(data) + 1) + kind + data


def explain(path):
    """Sends a bounce through the milter on the socket; returns the packets that came back for
    its end."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(path)
        stream = client.makefile("rb")

        def receive():
            size, = struct.unpack(">I", stream.read(4))
            return stream.read(size)

        # By command: the bit that says that no reply is given to it.
        silent = {b"M": 0x4000, b"R": 0x8000, b"L": 0x80, b"N": 0x40000, b"B": 0x80000}

        def ask(kind, data, agreed=0):
            client.sendall(packet(kind, data))
            return None if agreed & silent.get(kind, 0) else receive()

        steps = struct.unpack(">I", ask(b"O", struct.pack(">III", 6, 0x1FF, 0x1FFFFF))[9:13])[0]
        ask(b"M", b"<>\0", steps)
        ask(b"R", b"<anna@example.org>\0", steps)
        for name, value in FIELDS:
            ask(b"L", f"{name}\0{value}\0".encode(), steps)
        ask(b"N", b"", steps)
        ask(b"B", BODY.encode(), steps)
        client.sendall(packet(b"E"))
        packets = []
        while not packets or packets[-1][:1] in b"imbp":
            packets.append(receive())
        return packets


def test_confined(program):
    """The daemon does all that it does with next to no rights."""
    probe = call(sys.executable, os.path.abspath(__file__), "--confined", "--try")
    check("the rules are in force: no code made at run time, no network, no privileges",
          probe.stdout.split() == ["1", "1", "1", "1", "0", "65534"], told(probe))
    daemon = Confined(program)
    try:
        check("it starts under them, and says that it is ready",
              daemon.wait_ready() == b"READY=1", daemon.said())
        check("without any capability, with seccomp, without a way to new rights",
              int(daemon.status("CapEff"), 16) == 0 and int(daemon.status("CapBnd"), 16) == 0 and
              daemon.status("NoNewPrivs") == "1" and daemon.status("Seccomp") == "2")
        check("nobody else may use its socket's file than the settings say",
              os.stat(daemon.path).st_mode & 0o777 == 0o770, oct(os.stat(daemon.path).st_mode))
        packets = explain(daemon.path)
        check("it explains a bounce", any(b"Bounce-Cause\0" in reply and b"mailbox-full" in reply
                                          for reply in packets) and
              any(reply[:1] == b"b" and b"What happened" in reply for reply in packets),
              daemon.said())
        daemon.reload(f'language = "cs"\nmetrics_file = "{daemon.run}/metrics"\n')
        packets = explain(daemon.path)
        check("it reloads its settings", "settings reloaded" in daemon.said() and
              any(b"Co se stalo" in reply for reply in packets), daemon.said())
        end = time.monotonic() + 15
        while not os.path.exists(f"{daemon.run}/metrics") and time.monotonic() < end:
            time.sleep(0.2)
        check("it writes its metrics where it may", os.path.exists(f"{daemon.run}/metrics"),
              daemon.said())
        check_metrics(f"{daemon.run}/metrics", daemon.folder)
        daemon.reload('metrics_file = "/var/tmp/whybounce-may-not"\n')
        explain(daemon.path)
        time.sleep(6)
        check("where it may not write, it says so and goes on",
              "whybounce-may-not" in daemon.said() and
              not os.path.exists("/var/tmp/whybounce-may-not") and
              any(b"Bounce-Cause" in reply for reply in explain(daemon.path)), daemon.said())
        daemon.process.send_signal(signal.SIGTERM)
        check("it ends well", daemon.process.wait(40) == 0, daemon.said())
    finally:
        daemon.remove()


def check_metrics(path, folder):
    """Prometheus' own promtool finds nothing wrong with the metrics, not even in their style."""
    with open(path, "rb") as file:
        done = subprocess.run([find_or_unpack("promtool", "prometheus", folder), "check",
                               "metrics"], stdin=file, capture_output=True, timeout=60, check=False)
    check("promtool check metrics", done.returncode == 0 and not done.stdout + done.stderr,
          told(done))
    check("they tell of the bounce", 'cause="mailbox-full",action="failed"} 1' in read(path),
          read(path))


def main():
    """Runs the tests; returns the exit status."""
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    program = sys.argv[2] if len(sys.argv) > 2 else os.path.join(ROOT, "build", "whybounced")
    with tempfile.TemporaryDirectory(prefix="whybounce-units-") as folder:
        for function, words in ((test_exposure, []), (test_paths, []), (test_chroot, []),
                                (test_names, []), (test_verify, [folder]), (test_scripts, []),
                                (test_confined, [program])):
            attempt(function, *words)
    return finish()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--confined"]:
        confine(65534, 65534)
        if sys.argv[2] == "--try":
            sys.exit(try_rules())
        os.execv(sys.argv[2], sys.argv[2:])
    sys.exit(main())

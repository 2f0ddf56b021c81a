#!/usr/bin/env python3
"""The RPM: built with its unit tests, installed into a root of its own, used, removed.

usage: test_rpm.py [MAKE]

MAKE (make, if not given) makes the tarball, in the checkout that this file lies in. Debian's rpm
knows nothing of Debian's packages, so what the spec file needs by Fedora's names is not looked
for (--nodeps); everything else is as on Fedora: %prep to %check are run, and the account is made
by the package's own script. The root has only what the programs are linked with.

Must run as root. Prints `ok N - name` or `not ok N - name` a test, exits 1 if any failed.
"""

import glob
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
from steps import ROOT, call, need, run  # noqa: E402
from machine import wait_until  # noqa: E402
from privateroot import PrivateRoot  # noqa: E402
from tap import check, told  # noqa: E402

SPEC = os.path.join(ROOT, "contrib", "rpm", "whybounced.spec")
SETTINGS = "/etc/whybounced/whybounced.conf"
SOCKET = "/run/whybounced/whybounced.sock"
FILES = {"/usr/bin/whybounce": "-rwxr-xr-x", "/usr/sbin/whybounced": "-rwxr-xr-x",
         SETTINGS: "-rw-r--r--", "/usr/lib/systemd/system/whybounced.service": "-rw-r--r--"}


def build(folder, make):
    """Builds the package; returns its path."""
    clean = {name: value for name, value in os.environ.items()
             if name not in ("MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL", "BUILD")}
    result = call(make, "-C", ROOT, "--no-print-directory", f"BUILD={folder}/build", "dist",
                  env=clean)
    need("make dist makes the tarball", result.returncode == 0, told(result))
    result = call("rpmspec", "-P", SPEC)
    check("rpmspec reads the spec file without a complaint", result.returncode == 0 and
          not result.stderr and "%{" not in result.stdout, told(result))
    version = call("rpmspec", "-q", "--qf", "%{version}", SPEC).stdout
    check("its version is the program's", os.path.exists(
        f"{folder}/build/whybounced-{version}.tar.gz"), version)
    result = call("rpmbuild", "-bb", "--nodeps", "--define", f"_topdir {folder}/rpm", "--define",
                  f"_sourcedir {folder}/build", SPEC, env=clean)
    packages = glob.glob(f"{folder}/rpm/RPMS/*/whybounced-{version}-*.rpm")
    need("rpmbuild builds one package", result.returncode == 0 and len(packages) == 1,
         told(result))
    passed = re.search(r"^(\d+) passed, 0 failed$", result.stdout, re.M)
    check("its %check has run the unit tests", passed and int(passed.group(1)) > 500,
          told(result))
    return packages[0]


def look(package):
    """What lies where in the package."""
    listed = call("rpm", "-qplv", package).stdout
    files = {line.split()[8]: line.split()[0] for line in listed.splitlines()}
    check("it has both programs, the unit, the settings",
          all(files.get(path) == mode for path, mode in FILES.items()), listed)
    pages = [f"/usr/share/man/man{page[-1]}/{os.path.basename(page)}"
             for page in glob.glob(os.path.join(ROOT, "src", "man", "*.[158]"))]
    check("it has the man pages, README and licence", pages and
          all(any(path.startswith(page) for path in files) for page in pages) and
          any(path.endswith("/README") for path in files) and
          any(path.endswith("/COPYING") for path in files), listed)
    check("nothing in it is writable by others or anybody's but root's",
          all(mode[8] == "-" and mode[5] == "-" and "s" not in mode or mode[0] == "l"
              for mode in files.values()) and
          listed.count(" root     root ") == len(files), listed)
    check("the settings are its configuration",
          call("rpm", "-qpc", package).stdout.split() == [SETTINGS])


def rpm(root, *words):
    """Runs rpm on the packages of the root, whose own scripts run in there."""
    return call("rpm", "--root", root.directory, "--dbpath", "/var/lib/rpm", *words)


def ours(root):
    """All paths in there that are named after us, but for what the daemon wrote itself."""
    found = set()
    for folder, folders, names in os.walk(root.directory):
        found |= {os.path.join(folder, name)[len(root.directory):] for name in folders + names}
    return {path for path in found if "whybounce" in path and not path.startswith("/run/")}


def install(root, package):
    """Into a root that has what the package's script calls."""
    for program in ("/usr/bin/getent", "/usr/sbin/useradd"):
        root.add_program(program)
    root.write("/etc/login.defs", "SYS_UID_MAX 999\n")
    root.write("/etc/shadow", "", 0o600)
    root.make_directory("/var/lib/rpm")
    result = rpm(root, "--nodeps", "-i", package)
    # Debian's rpm says in any case that it is not for Debian.
    need("rpm installs it, and its script runs", result.returncode == 0 and
         not re.search("error|warning|fail", result.stderr), told(result))
    with open(root.path("/etc/passwd"), encoding="utf-8") as passwd:
        account = [line.split(":") for line in passwd if line.startswith("whybounced:")]
    check("it has an account that nobody can log in to", len(account) == 1 and
          0 < int(account[0][2]) < 1000 and account[0][5] == "/nonexistent" and
          account[0][6].strip().endswith("/nologin"), account)


def use(root):
    """Both programs, as they lie in the root."""
    for program in ("/usr/bin/whybounce", "/usr/sbin/whybounced"):
        root.add_libraries_of(root.path(program))
    for library in glob.glob("/usr/lib/*/libgcc_s.so.1"):  # loaded when a thread is ended
        shutil.copy(library, root.path(library))
    root.add_charsets()
    result = root.run("whybounce", "check", check=False)
    check("its settings are without faults", result.returncode == 0, told(result))
    root.make_directory(os.path.dirname(SOCKET), 0o755, "whybounced")
    daemon = root.start("/usr/sbin/whybounced", "-f")  # it becomes its own user
    up = wait_until(lambda: os.path.exists(root.path(SOCKET)) or daemon.poll() is not None, 20)
    need("the daemon starts with the settings of the package", up and daemon.poll() is None,
         root.output() + root.log())
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as status:
        user = re.search(r"^Uid:\s+(\d+)", status.read(), re.M).group(1)
    check("it runs as its own user", int(user) == root.uid("whybounced"), user)
    result = root.run("whybounce", "doctor", check=False)
    check("it explains a bounce", result.returncode == 0 and
          b"explained a test bounce" in result.stdout, told(result))
    daemon.terminate()
    try:
        check("it ends well", daemon.wait(20) == 0, root.output())
    except subprocess.TimeoutExpired:
        check("it ends well", False, "it does not end")


def remove(root):
    """Removed: settings that were changed stay, as on every system with rpm."""
    root.write(SETTINGS, 'hostname = "mail.example.org"\n')
    result = rpm(root, "-e", "whybounced")
    left = ours(root)
    check("rpm removes it, but for changed settings", result.returncode == 0 and
          left == {"/etc/whybounced", SETTINGS + ".rpmsave"}, f"{left}\n{told(result)}")


def test(folder, stack):
    """All of them, in order."""
    package = build(folder, sys.argv[1] if len(sys.argv) > 1 else "make")
    look(package)
    root = stack.enter_context(PrivateRoot([]))
    install(root, package)
    use(root)
    remove(root)


if __name__ == "__main__":
    sys.exit(run(test, "rpm", "rpmbuild", "rpmspec"))

"""What tests need of this machine: its programs, ports, folders, and time."""

import os
import pwd
import shutil
import socket
import sys
import tempfile
import time

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(CHECKOUT, "tests"))  # for tap


class MachineError(Exception):
    """Something that the tests need is missing here, does not start, or has ended."""


def find_program(name):
    """The path of a program; MachineError if it is not installed."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        raise MachineError(f"{name} not found: contrib/install-packages check installs it")
    return path


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_directory(prefix, owner="root"):
    """A new directory that everybody may enter and only `owner` may write."""
    path = tempfile.mkdtemp(prefix=prefix, dir="/var/tmp")
    os.chmod(path, 0o755)
    user = pwd.getpwnam(owner)
    os.chown(path, user.pw_uid, user.pw_gid)
    return path


def wait_until(condition, timeout, interval=0.05):
    """True as soon as condition() is true, False when it is not within `timeout` seconds."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(interval)
    return True


class Started:
    """What a `with` statement starts and removes, by methods of these names of its own."""

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *exc):
        self.remove()

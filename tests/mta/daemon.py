"""Starting and stopping build/whybounced for the tests and the demo.

The daemon refuses to run as root and the checkout may lie where only root can look, so the
program is copied into a directory of its own below /var/tmp and run there as the user nobody.
"""

import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess

from machine import CHECKOUT, MachineError, Started, free_port, make_directory, wait_until

PROGRAM = os.path.join(CHECKOUT, "build", "whybounced")
USER = "nobody"
GROUP = "nogroup"
HOSTNAME = "mail.example.org"  # the name it signs its explanations with


class DaemonError(MachineError):
    """The daemon is missing, does not start, or has ended by itself."""


def run_as_nobody():
    """Arguments for subprocess that give up root for good."""
    return {"user": pwd.getpwnam(USER).pw_uid, "group": grp.getgrnam(GROUP).gr_gid,
            "extra_groups": []}


class Daemon(Started):
    """One whybounced. Use it in a `with` statement, or call start() and at the end remove().

    program     the program's file
    inet        listen on a TCP port instead of a Unix socket
    settings    more settings, {"language": "cs"}; strings are quoted
    milter      its address as Postfix writes it
    """

    def __init__(self, program=PROGRAM, inet=False, settings=None):
        if not os.path.isfile(program):
            raise DaemonError(f"{program} is missing: build it first (make)")
        self.directory = make_directory("private-whybounced-", USER)
        self._program = os.path.join(self.directory, "whybounced")
        shutil.copy(program, self._program)
        os.chmod(self._program, 0o755)
        self.socket_path = None
        if inet:
            self._port = free_port()
            self.milter = f"inet:127.0.0.1:{self._port}"
            address = f"inet:{self._port}@127.0.0.1"
        else:
            self.socket_path = os.path.join(self.directory, "sock")
            self.milter = address = f"unix:{self.socket_path}"
        self.settings = {"socket": address, "socket_umask": "0000", "user": "",
                         "hostname": HOSTNAME, "language": "en"}
        self.settings.update(settings or {})
        self.write_settings()
        self._process = None

    def write_settings(self, text=None):
        """Writes the settings file: self.settings, or this text."""
        if text is None:
            text = "".join(f'{name} = "{value}"\n' if isinstance(value, str)
                           else f"{name} = {value}\n" for name, value in self.settings.items())
        path = self.settings_path()
        with open(path, "w") as out:
            out.write(text)
        os.chmod(path, 0o644)

    def settings_path(self):
        """The file given with -c."""
        return os.path.join(self.directory, "whybounced.conf")

    def start(self):
        """Starts it; on return its socket takes connections."""
        with open(os.path.join(self.directory, "log"), "ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                umask=0o022, start_new_session=True, **run_as_nobody())
        if not wait_until(lambda: self._answers() or not self.running(), 20):
            raise DaemonError(f"no answer on {self.milter} within 20 s\n{self.log()[-4000:]}")
        if not self.running():
            raise DaemonError(f"ended at once, status {self._process.returncode}\n"
                              f"{self.log()[-4000:]}")

    def command(self):
        """The command line it is started with."""
        return [self._program, "-f", "-c", self.settings_path()]

    def _answers(self):
        try:
            if self.socket_path:
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(self.socket_path)
            else:
                socket.create_connection(("127.0.0.1", self._port), 5).close()
        except OSError:
            return False
        return True

    def running(self):
        """True until it has ended."""
        return self._process is not None and self._process.poll() is None

    def signal(self, number):
        """Sends a signal; nothing happens if it has ended."""
        if self.running():
            self._process.send_signal(number)

    def kill(self):
        """kill -9, and waits for the end; the socket's file stays, as after a crash."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(10)

    def terminate(self, timeout=15):
        """Ends it in good order and returns its exit status (libmilter needs 5 seconds)."""
        self.signal(signal.SIGTERM)
        return self._process.wait(timeout)

    def remove(self):
        """Ends it at once and removes its directory."""
        try:
            self.kill()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def log(self):
        """All that it has written, as text."""
        try:
            with open(os.path.join(self.directory, "log"), errors="replace") as log:
                return log.read()
        except OSError:
            return ""

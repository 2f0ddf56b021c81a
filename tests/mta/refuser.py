"""An SMTP server that refuses mail on purpose, with a reply of the caller's choice.

    with Refuser({"full": Refusal("rcpt", "452 4.2.2 Mailbox full")}) as server:
        ... mail for full@anything sent to 127.0.0.1, port server.port, gets that reply ...

A refusal is looked up by the local part of the recipient, or of the sender for the stage
"mail". A local part of the form STAGE-CODE or STAGE-CODE-X-Y-Z is refused without a table:
"rcpt-550-5-1-1@…" gets "550 5.1.1 Refused for a test". Everything else is accepted and kept
in server.accepted. The server listens on a free port of 127.0.0.1, one thread a connection.
"""

import re
import socketserver
import threading
from dataclasses import dataclass, field

STAGES = ("connect", "mail", "rcpt", "data", "end")
BUILT_IN = re.compile(r"(mail|rcpt|data|end)-([245]\d\d)(?:-(\d+)-(\d+)-(\d+))?$")


@dataclass
class Refusal:
    """What is answered, and when.

    stage   "mail", "rcpt", "data" (to the DATA command) or "end" (to the message's last dot)
    reply   the whole reply, "550 5.1.1 No such user"; one of several lines is written
            "550-5.1.1 first\\n550 5.1.1 second"
    times   how often it is given before the mail is accepted; None: always
    """

    stage: str
    reply: str
    times: int = None

    def __post_init__(self):
        if self.stage not in STAGES:
            raise ValueError(f"no such stage: {self.stage}")


@dataclass
class Accepted:
    """One accepted message: the envelope, and the bytes with LF."""

    sender: str
    recipients: list = field(default_factory=list)
    message: bytes = b""


class Refuser:
    """The server; see above. `connect` is a reply given instead of the greeting, to all."""

    def __init__(self, table=None, connect=None, name="mx.example.com"):
        self.table = dict(table or {})
        self.connect = connect
        self.name = name
        self.accepted = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.refuser = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever,
                                        kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def start(self):
        """Begins to answer."""
        self._thread.start()

    def stop(self):
        """Ends the server; open connections end when their client goes away."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def refusal(self, stage, address):
        """The reply for this address at this stage, or None. Counts `times` down."""
        local_part = address.rpartition("@")[0] or address
        with self._lock:
            rule = self.table.get(local_part) or self._built_in(local_part)
            if rule is None or rule.stage != stage or rule.times == 0:
                return None
            if rule.times is not None:
                rule.times -= 1
            return rule.reply

    @staticmethod
    def _built_in(local_part):
        match = BUILT_IN.match(local_part)
        if match is None:
            return None
        stage, code, *status = match.groups()
        words = [code] + ([".".join(status)] if status[0] else []) + ["Refused for a test"]
        return Refusal(stage, " ".join(words))

    def keep(self, accepted):
        """Stores an accepted message."""
        with self._lock:
            self.accepted.append(accepted)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 100


class _Session(socketserver.StreamRequestHandler):
    """One SMTP connection."""

    timeout = 60

    def say(self, reply):
        """Sends a reply of one or several lines."""
        self.wfile.write(reply.replace("\n", "\r\n").encode("utf-8") + b"\r\n")

    def handle(self):
        try:
            self.converse()
        except OSError:
            pass  # the client went away

    def converse(self):
        refuser = self.server.refuser
        if refuser.connect is not None:
            self.say(refuser.connect)
            return
        self.say(f"220 {refuser.name} ESMTP")
        mail = None
        while True:
            line = self.rfile.readline(4096)
            if not line:
                return
            command = line.decode("utf-8", "replace").strip()
            verb = command[:4].upper()
            if verb == "EHLO":
                self.say(f"250-{refuser.name}\n250-PIPELINING\n250-8BITMIME\n"
                         "250-ENHANCEDSTATUSCODES\n250 SIZE 50000000")
            elif verb == "HELO":
                self.say(f"250 {refuser.name}")
            elif verb == "MAIL":
                address = self.address(command)
                mail = self.answer("mail", [address], "250 2.1.0 Ok", Accepted(address))
            elif verb == "RCPT" and mail is not None:
                address = self.address(command)
                if self.answer("rcpt", [address], "250 2.1.5 Ok", True):
                    mail.recipients.append(address)
            elif verb == "DATA" and mail is not None and mail.recipients:
                if self.answer("data", mail.recipients, "354 Go ahead", True):
                    mail.message = self.read_message()
                    if self.answer("end", mail.recipients, "250 2.0.0 Ok: stored", True):
                        refuser.keep(mail)
                mail = None
            elif verb == "RSET":
                mail = None
                self.say("250 2.0.0 Ok")
            elif verb == "NOOP":
                self.say("250 2.0.0 Ok")
            elif verb == "QUIT":
                self.say("221 2.0.0 Bye")
                return
            elif verb in ("RCPT", "DATA"):
                self.say("503 5.5.1 Not now")
            else:
                self.say("502 5.5.2 Unknown command")

    def answer(self, stage, addresses, good, result):
        """Says the refusal for the first address that has one, and returns None; otherwise
        says `good` and returns `result`."""
        for address in addresses:
            reply = self.server.refuser.refusal(stage, address)
            if reply is not None:
                self.say(reply)
                return None
        self.say(good)
        return result

    @staticmethod
    def address(command):
        """The address between the angle brackets of MAIL or RCPT."""
        match = re.search(r"<([^>]*)>", command)
        return match.group(1) if match else ""

    def read_message(self):
        """The message up to the line with the dot, without its dots, with LF."""
        lines = []
        while True:
            line = self.rfile.readline()
            if not line:
                raise OSError("connection lost in a message")
            if line == b".\r\n":
                return b"".join(lines)
            if line.startswith(b"."):
                line = line[1:]
            lines.append(line.removesuffix(b"\r\n") + b"\n" if line.endswith(b"\r\n") else line)

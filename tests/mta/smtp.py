"""Handing mail over by SMTP, on this machine."""

import smtplib


def to_crlf(message):
    """The message as SMTP carries it: every line ended by CRLF, the last one too."""
    lines = message.replace(b"\r\n", b"\n").split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


def accepted(reply):
    """The text of a reply, (code, text) as smtplib has it; SMTPResponseException if it is no
    yes."""
    code, text = reply
    if code // 100 != 2:
        raise smtplib.SMTPResponseException(code, text)
    return text


def send(smtp, message, sender, recipients, options=()):
    """Sends one message (bytes, LF or CRLF) over a connection that has said hello; the sender
    "" makes it a bounce. Returns what the server said at the end. Raises
    smtplib.SMTPException if it is not taken as a whole; `options` go with every RCPT."""
    body_type = ["BODY=8BITMIME"] if not message.isascii() else []
    accepted(smtp.mail(sender, body_type))
    for recipient in recipients:
        accepted(smtp.rcpt(recipient, options))
    return accepted(smtp.data(to_crlf(message)))


def submit(port, message, sender, recipient):
    """send() to the server on this port of 127.0.0.1."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example.org",
                      timeout=60) as client:
        client.ehlo()
        send(client, message, sender, [recipient])


def greets(port):
    """True if a mail server answers on this port of 127.0.0.1."""
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            return client.noop()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False

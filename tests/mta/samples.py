"""Mails that tests send: an ordinary message, bounces of other servers, tests/corpus."""

import os

from machine import CHECKOUT


def address(user):
    """The user's address."""
    return f"{user}@example.org"


def message(user, recipient, subject="Invoice 2024-117", body=b"Hello,\n\nthis is it.\n",
            fields=""):
    """An ordinary message as a person's mail program sends it."""
    return (f"From: Jan Kowalski <{address(user)}>\n"
            f"To: {recipient}\n"
            f"Subject: {subject}\n"
            "Date: Tue, 03 Jun 2025 14:02:00 +0000\n"
            f"Message-ID: <20250603140200.{user}@client.example.org>\n"
            f"{fields}"
            "\n").encode() + body


def corpus(name):
    """A mail of tests/corpus, with LF."""
    with open(os.path.join(CHECKOUT, "tests", "corpus", name + ".eml"), "rb") as file:
        return file.read().replace(b"\r\n", b"\n")


def expected_causes(name):
    """The causes that a mail of tests/corpus has, in order."""
    with open(os.path.join(CHECKOUT, "tests", "corpus", name + ".want")) as file:
        lines = [line for line in file if "|" in line and not line.startswith("#")]
    return [line.split("|")[5].strip() for line in lines]


def foreign_report(recipient="anna.novak@example.com", marker=""):
    """A report as Exchange writes it: alternative of text and HTML, both quoted-printable."""
    return f"""\
From: <postmaster@mail.example.com>
To: <jan@example.org>
Date: Tue, 03 Jun 2025 14:02:09 +0000
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="outer-1"
Content-Language: en-US
Message-ID: <f3c1{marker}@mail.example.com>
In-Reply-To: <20250603140200.jan@client.example.org>
Subject: Undeliverable: Invoice 2024-117
Auto-Submitted: auto-replied
MIME-Version: 1.0

This line is before the first part.
--outer-1
Content-Type: multipart/alternative; differences=Content-Type;
\tboundary="inner-2"

--inner-2
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: quoted-printable

Your message to {recipient} couldn=E2=80=99t be delivered.
The address could not be found at the destination domain, or is unable to r=
eceive messages.

Diagnostic information for administrators:
Generating server: mail.example.com
{recipient}
Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipien=
t not found by SMTP address lookup'

--inner-2
Content-Type: text/html; charset="us-ascii"
Content-Transfer-Encoding: quoted-printable

<html>
<head>
<meta http-equiv=3D"Content-Type" content=3D"text/html; charset=3Dus-ascii">
</head>
<body>
<p>Your message to {recipient} couldn&#8217;t be delivered.</p>
</body>
</html>

--inner-2--

--outer-1
Content-Type: message/delivery-status

Reporting-MTA: dns;mail.example.com
Received-From-MTA: dns;mail.example.org
Arrival-Date: Tue, 03 Jun 2025 14:02:08 +0000

Final-Recipient: rfc822;{recipient}
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient
 not found by SMTP address lookup

--outer-1
Content-Type: message/rfc822

From: Jan Kowalski <jan@example.org>
To: <{recipient}>
Subject: Invoice 2024-117
Date: Tue, 03 Jun 2025 14:02:00 +0000
Message-ID: <20250603140200.jan@client.example.org>

Hello, {marker}
--outer-1--
This line is after the last part.
""".encode()


EXIM_REPORT = b"""\
X-Failed-Recipients: anna.novak@example.com
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mx.example.net>
To: jan@example.org
Content-Type: multipart/report; report-type=delivery-status; boundary=1748959329-eximdsn-1
MIME-Version: 1.0
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1uMSbt-0000aa-1x@mx.example.net>
Date: Tue, 03 Jun 2025 14:02:09 +0000

--1748959329-eximdsn-1
Content-type: text/plain; charset=us-ascii

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  anna.novak@example.com
    host mx.example.com [192.0.2.10]
    SMTP error from remote mail server after RCPT TO:<anna.novak@example.com>:
    552 5.2.2 Mailbox full

--1748959329-eximdsn-1
Content-type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Action: failed
Final-Recipient: rfc822;anna.novak@example.com
Status: 5.0.0
Remote-MTA: dns; mx.example.com
Diagnostic-Code: smtp; 552 5.2.2 Mailbox full

--1748959329-eximdsn-1
Content-type: text/rfc822-headers

From: jan@example.org
To: anna.novak@example.com
Subject: Invoice 2024-117

--1748959329-eximdsn-1--
"""

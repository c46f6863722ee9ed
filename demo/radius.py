#!/usr/bin/env python3
"""Shows two sign-ins as a VPN gateway asks for them by RADIUS (RFC 2865), and checks each answer.

One datagram asks and one answers. The answer counts only if it proves that the server knows the shared secret: by its
Response Authenticator, and by the Message-Authenticator it has to begin with (RFC 3579 section 3.2). Reads what .demo/env
says from the environment; exits 1 when any answer is not the expected one. Python's standard library only.
"""

import hashlib
import hmac
import os
import select
import socket
import subprocess
import sys
import time

from netscaler import ANSWER_WITHIN, Phone, Show, fresh_code

ACCESS_REQUEST, ACCESS_ACCEPT, ACCESS_REJECT = 1, 2, 3
USER_NAME, USER_PASSWORD, REPLY_MESSAGE, NAS_IDENTIFIER, MESSAGE_AUTHENTICATOR = 1, 2, 18, 32, 80
NAMES = {ACCESS_ACCEPT: "Access-Accept", ACCESS_REJECT: "Access-Reject", 11: "Access-Challenge"}


def md5(*parts):
    return hashlib.md5(b"".join(parts)).digest()


def attribute(kind, value):
    return bytes([kind, len(value) + 2]) + value


def hidden(password, secret, authenticator):
    """RFC 2865 section 5.2."""
    password += b"\0" * (-len(password) % 16)
    out, last = b"", authenticator
    for at in range(0, len(password), 16):
        last = bytes(a ^ b for a, b in zip(password[at : at + 16], md5(secret, last)))
        out += last
    return out


class Gateway:
    """One socket of a gateway; one request at a time."""

    def __init__(self, env, show):
        host, _, port = env["RADIUS_ADDR"].rpartition(":")
        self.secret, self.show = env["RADIUS_SECRET"].encode(), show
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((host, int(port)))
        self.socket.settimeout(ANSWER_WITHIN)
        self.identifier = 0

    def answered(self):
        return bool(select.select([self.socket], [], [], 0)[0])

    def sign_in(self, name, password, meanwhile=None):
        """Asks once; the code of the answer. While it is due, `meanwhile` may act: it gets this gateway."""
        self.identifier += 1
        authenticator = os.urandom(16)
        body = attribute(USER_NAME, name.encode()) + attribute(NAS_IDENTIFIER, b"vpn")
        body += attribute(USER_PASSWORD, hidden(password.encode(), self.secret, authenticator))
        head = bytes([ACCESS_REQUEST, self.identifier]) + (38 + len(body)).to_bytes(2, "big") + authenticator
        mac = hmac.digest(self.secret, head + attribute(MESSAGE_AUTHENTICATOR, bytes(16)) + body, "md5")
        started = time.monotonic()
        self.socket.send(head + attribute(MESSAGE_AUTHENTICATOR, mac) + body)
        self.show.step("request", f"Access-Request, User-Name {name}")
        if meanwhile:
            meanwhile(self)
        code, said = self.judged(self.socket.recv(4096), authenticator)
        self.show.step("answer", f"{NAMES.get(code, code)}{said} ({time.monotonic() - started:.2f} s)")
        return code

    def judged(self, answer, authenticator):
        """Its code and what it says to the person, once it is known to be the server's."""
        head, attributes = answer[:4], answer[20:]
        if answer[1] != self.identifier or answer[4:20] != md5(head, authenticator, attributes, self.secret):
            raise RuntimeError("an answer came that is not to this request, or not by this secret")
        zeroed = attribute(MESSAGE_AUTHENTICATOR, bytes(16)) + attributes[18:]
        mac = hmac.digest(self.secret, head + authenticator + zeroed, "md5")
        if attributes[:18] != attribute(MESSAGE_AUTHENTICATOR, mac):
            raise RuntimeError("an answer came that does not begin with a right Message-Authenticator")
        said = ""
        while attributes:
            kind, length = attributes[0], attributes[1]
            if kind == REPLY_MESSAGE:
                said += f': "{attributes[2:length].decode(errors="replace")}"'
            attributes = attributes[length:]
        return answer[0], said


def main(env):
    show = Show()
    gateway, phone = Gateway(env, show), Phone(env, show)
    user, password = env["USER"], env["USER_PASSWORD"]
    print(f"\nA VPN gateway asks by RADIUS at {env['RADIUS_ADDR']}.")

    show.case(f"{user} gives the password alone")
    show.judge(gateway.sign_in(user, password) == ACCESS_REJECT, "refused, the second factor is missing")

    show.case(f"{user} gives password,code")
    code = fresh_code(env, show)
    show.judge(gateway.sign_in(user, f"{password},{code}") == ACCESS_ACCEPT, "signed in")

    show.case(f"{env['PUSH_USER']} gives the password and approves on the phone")
    granted = gateway.sign_in(env["PUSH_USER"], env["PUSH_USER_PASSWORD"], phone.answer("approve")) == ACCESS_ACCEPT
    show.judge(granted, "signed in, after the approval")

    print(f"\n{show.cases} cases, {show.surprises or 'no'} unexpected answer{'s' if show.surprises != 1 else ''}")
    return 1 if show.surprises else 0


if __name__ == "__main__":
    try:
        sys.exit(main(os.environ))
    except KeyError as missing:
        sys.exit(f"error: {missing} is not set: run this through scripts/demo.sh, which reads .demo/env")
    except (OSError, RuntimeError, subprocess.SubprocessError) as fault:
        sys.exit(f"error: {fault}")

#!/usr/bin/env python3
"""Shows the sign-in of a NetScaler, step by step, and checks each answer.

A NetScaler opens one LDAP connection, binds as its service account, searches for the person, binds as that person ON
THE SAME CONNECTION, and unbinds. ldapsearch cannot bind twice, so the few LDAP messages this takes (RFC 4511) are
written by hand here. Reads what .demo/env says from the environment; exits 1 when any answer is not the expected one.
Python's standard library only.
"""

import json
import os
import select
import socket
import ssl
import subprocess
import sys
import time
from urllib.parse import urlsplit

ANSWER_WITHIN = 90  # seconds; longer than the appliance ever lets a client wait
PROMPT_WITHIN = 15  # seconds until the question to the phone must be there
STEP = 30  # seconds that one TOTP code lasts (RFC 6238)
NAMES = {0: "success", 49: "invalidCredentials", 50: "insufficientAccessRights", 52: "unavailable", 53: "unwillingToPerform"}


def tlv(tag, *contents):
    body = b"".join(contents)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + body


def text(tag, value):
    return tlv(tag, value.encode())


def integer(tag, value):
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def split(data):
    """The first element of data: its tag, its content and what comes after it."""
    tag, size, start = data[0], data[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[2:start], "big")
    return tag, data[start : start + size], data[start + size :]


class Connection:
    """One LDAP connection as a gateway holds it: one question at a time."""

    def __init__(self, url, ca_file=None):
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=ANSWER_WITHIN)
        if parts.scheme == "ldaps":
            trusted = ssl.create_default_context(cafile=ca_file)
            self.socket = trusted.wrap_socket(self.socket, server_hostname=parts.hostname)
        self.stream = self.socket.makefile("rb")
        self.message_id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.socket.close()

    def send(self, operation):
        self.message_id += 1
        self.socket.sendall(tlv(0x30, integer(0x02, self.message_id), operation))

    def receive(self):
        """The tag and content of the next answer to the question asked last."""
        head = self.stream.read(2)
        if len(head) < 2:
            raise ConnectionError("the appliance closed the connection")
        size = head[1]
        if size & 0x80:
            digits = self.stream.read(size & 0x7F)
            head, size = head + digits, int.from_bytes(digits, "big")
        _, message, _ = split(head + self.stream.read(size))
        _, message_id, rest = split(message)
        if int.from_bytes(message_id, "big") != self.message_id:
            raise ConnectionError(f"an answer to question {message_id.hex()} came instead of {self.message_id}")
        tag, content, _ = split(rest)
        return tag, content

    def result(self, expected_tag):
        """The result code and the diagnostic message of an LDAPResult (RFC 4511 section 4.1.9)."""
        tag, content = self.receive()
        if tag != expected_tag:
            raise ConnectionError(f"an answer with tag {tag:#x} came instead of {expected_tag:#x}")
        _, code, rest = split(content)
        _, _, rest = split(rest)
        _, message, _ = split(rest)
        return int.from_bytes(code, "big"), message.decode(errors="replace")

    def ask_to_bind(self, dn, password):
        self.send(tlv(0x60, integer(0x02, 3), text(0x04, dn), text(0x80, password)))

    def bound(self):
        return self.result(0x61)

    def answered(self):
        """True when something is there to read, without waiting for it."""
        pending = isinstance(self.socket, ssl.SSLSocket) and self.socket.pending() > 0
        return pending or bool(select.select([self.socket], [], [], 0)[0])

    def search(self, base, attribute, value):
        """The DNs of all entries below base with attribute=value, and the result."""
        whole_subtree, never_deref, no_limit = integer(0x0A, 2), integer(0x0A, 0), integer(0x02, 0)
        equality = tlv(0xA3, text(0x04, attribute), text(0x04, value))
        wanted = tlv(0x30, text(0x04, attribute), text(0x04, "memberOf"))
        self.send(
            tlv(0x63, text(0x04, base), whole_subtree, never_deref, no_limit, no_limit, tlv(0x01, b"\0"), equality, wanted)
        )
        found = []
        while True:
            tag, content = self.receive()
            if tag == 0x64:
                found.append(split(content)[1].decode())
            elif tag == 0x65:
                return found, int.from_bytes(split(content)[1], "big")

    def unbind(self):
        self.send(tlv(0x42))


class Show:
    """Prints what happens and counts what was not expected."""

    def __init__(self):
        self.cases = 0
        self.surprises = 0

    def case(self, title):
        self.cases += 1
        print(f"\n{self.cases}. {title}")

    def step(self, what, detail):
        print(f"   {what:<14} {detail}", flush=True)

    def judge(self, good, expectation):
        self.surprises += not good
        print(f"   {'as expected:' if good else 'SHOULD BE:':<14} {expectation}", flush=True)


def described(result):
    code, message = result
    return f"{code} {NAMES.get(code, '')}" + (f': "{message}"' if message else "")


class Gateway:
    def __init__(self, env, show):
        self.env, self.show = env, show

    def sign_in(self, uid, password, meanwhile=None, url=None):
        """The four steps with one password; the result code of the person's bind. While that bind is pending,
        `meanwhile` may act: it gets the connection."""
        env, show = self.env, self.show
        with Connection(url or env["LDAP_URL"], env["CA_FILE"]) as connection:
            connection.ask_to_bind(env["SERVICE_DN"], env["SERVICE_PASSWORD"])
            result = connection.bound()
            show.step("service bind", f"{env['SERVICE_DN']} -> {described(result)}")
            if result[0] != 0:
                return None
            found, code = connection.search(env["BASE_DN"], "uid", uid)
            show.step("search", f"(uid={uid}) -> {code} {NAMES.get(code, '')}, {len(found)} entry: {', '.join(found)}")
            if code != 0 or len(found) != 1:
                return None
            started = time.monotonic()
            connection.ask_to_bind(found[0], password)
            if meanwhile:
                meanwhile(connection)
            result = connection.bound()
            show.step("user bind", f"{described(result)} ({time.monotonic() - started:.2f} s, same connection)")
            connection.unbind()
            show.step("unbind", "done")
            return result[0]


class Phone:
    """The person's answer, given from another process by the command line until the mobile app exists."""

    def __init__(self, env, show):
        self.command = [env["APPLIANCE"], "--config", env["CONFIG_FILE"]]
        self.show = show

    def run(self, *arguments):
        done = subprocess.run([*self.command, *arguments], stdout=subprocess.PIPE, timeout=30, check=True)
        return done.stdout

    def questions(self):
        return json.loads(self.run("challenge", "list", "--json"))

    def answer(self, verb):
        def act(connection):
            end = time.monotonic() + PROMPT_WITHIN
            while not (waiting := self.questions()):
                if time.monotonic() > end or connection.answered():
                    raise RuntimeError("no question reached the phone")
            question = waiting[0]
            silent = not connection.answered()
            self.show.step("phone", f"asks: sign in as {question['user']} by {question['client']}, from {question['source']}?")
            self.show.judge(silent and len(waiting) == 1, "one question, and the bind waits for its answer")
            self.run("challenge", verb, question["id"])
            self.show.step("phone", f"vestibule challenge {verb} {question['id']}")

        return act


def fresh_code(env, show):
    """A code that no earlier run of this program has used: each is good for one sign-in only."""
    memory = os.path.join(os.path.dirname(env["CONFIG_FILE"]), "last-code")
    step = int(time.time()) // STEP
    try:
        with open(memory, encoding="ascii") as file:
            used = int(file.read())
    except FileNotFoundError:
        used = 0
    if step <= used:
        pause = (used + 1) * STEP - time.time()
        show.step("code", f"the present one was used by an earlier run; the next comes in {pause:.0f} s")
        time.sleep(max(pause, 0))
        step = used + 1
    with open(memory, "w", encoding="ascii") as file:
        file.write(str(step))
    # By standard input: an argument could be read in the list of processes.
    command = ["oathtool", "--totp", "--base32", f"--now=@{step * STEP}", "-"]
    return subprocess.run(command, input=env["USER_TOTP_SECRET"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def main(env):
    show = Show()
    gateway, phone = Gateway(env, show), Phone(env, show)
    user, password = env["USER"], env["USER_PASSWORD"]
    push_user, push_password = env["PUSH_USER"], env["PUSH_USER_PASSWORD"]
    print(f"The gateway's conversation with {env['LDAP_URL']}; the directory itself is {env['UPSTREAM_LDAP_URL']}.")

    show.case(f"{user} has a code generator and gives the password alone")
    show.judge(gateway.sign_in(user, password) == 49, "refused, the second factor is missing")

    show.case(f"{user} gives password,code")
    code = fresh_code(env, show)
    show.judge(gateway.sign_in(user, f"{password},{code}") == 0, "signed in")

    show.case(f"{user} gives the same code again")
    show.judge(gateway.sign_in(user, f"{password},{code}") == 49, "refused, a code works once")

    show.case(f"{push_user} has the app; somebody tries a wrong password")
    refused = gateway.sign_in(push_user, "not-" + push_password) == 49
    show.judge(refused and not phone.questions(), "refused, and the phone was not bothered")

    show.case(f"{push_user} gives the password and approves on the phone (over LDAPS)")
    granted = gateway.sign_in(push_user, push_password, phone.answer("approve"), env["LDAPS_URL"]) == 0
    show.judge(granted, "signed in, after the approval")

    show.case(f"{push_user} is asked again and refuses")
    show.judge(gateway.sign_in(push_user, push_password, phone.answer("refuse")) == 49, "refused by the person")

    print(f"\n{show.cases} cases, {show.surprises or 'no'} unexpected answer{'s' if show.surprises != 1 else ''}")
    return 1 if show.surprises else 0


if __name__ == "__main__":
    try:
        sys.exit(main(os.environ))
    except KeyError as missing:
        sys.exit(f"error: {missing} is not set: run this through scripts/demo.sh, which reads .demo/env")
    except (OSError, RuntimeError, subprocess.SubprocessError) as fault:
        sys.exit(f"error: {fault}")

"""A mail server for tests: aiosmtpd with STARTTLS, a login, and answers that depend on the recipient.

Usage: smtp_peer.py ADDRESS PORT CERTIFICATE KEY USER PASSWORD INBOX

What was taken is appended to INBOX, one JSON object a line, as Python's parser of mail understands it. Recipients:
later…@ is told 451 once, refused…@ always 550; slow…@ is taken, and the answer does not come.
"""
import asyncio, email, email.policy, json, ssl, sys

from aiosmtpd.smtp import SMTP, AuthResult

address, port, certificate, key, user, password, inbox = sys.argv[1:]


class Handler:
    def __init__(self):
        self.asked = {}

    async def handle_RCPT(self, server, session, envelope, recipient, options):
        times = self.asked[recipient] = self.asked.get(recipient, 0) + 1
        if recipient.startswith("later") and times == 1:
            return "451 4.7.1 greylisted, come back later"
        if recipient.startswith("refused"):
            return "550 5.1.1 nobody of that name here"
        envelope.rcpt_tos.append(recipient)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
        taken = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "secure": session.ssl is not None,
            "ehlo": session.host_name,
            "connection": session.peer[1],
            "headers": {name: str(value) for name, value in mail.items()},
            "names": mail.keys(),
            "parts": parts,
            "defects": [str(defect) for defect in mail.defects],
        }
        with open(inbox, "a", encoding="utf-8") as file:
            file.write(json.dumps(taken) + "\n")
        if envelope.rcpt_tos[0].startswith("slow"):
            await asyncio.sleep(3600)
        return "250 2.0.0 taken as 42"


def login(server, session, envelope, mechanism, data):
    right = (data.login, data.password) == (user.encode(), password.encode())
    return AuthResult(success=right, handled=False)


async def main():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    handler = Handler()
    secured = dict(tls_context=tls, require_starttls=True, auth_required=True, authenticator=login)
    make = lambda: SMTP(handler, hostname="mail.example.test", enable_SMTPUTF8=True, **secured)
    server = await asyncio.get_running_loop().create_server(make, address, int(port))
    print("listening", file=sys.stderr, flush=True)
    await server.serve_forever()


asyncio.run(main())

#!/usr/bin/env python3
"""Opens the portal as a browser does that comes there for the first time, and checks what it gets.

Reads what .demo/env says from the environment; exits 1 when any answer is not the expected one. Python's standard
library only.
"""

import os
import ssl
import sys
import urllib.error
import urllib.request

from netscaler import ANSWER_WITHIN, Show


def main(env):
    show = Show()
    trusted = ssl.create_default_context(cafile=env["CA_FILE"])
    print(f"\nThe portal at {env['WEB_URL']}, where people help themselves.")

    show.case("Somebody opens the portal without being signed in")
    with urllib.request.urlopen(env["WEB_URL"], context=trusted, timeout=ANSWER_WITHIN) as response:
        page, policy = response.read().decode(), response.headers.get("Content-Security-Policy", "")
        show.step("page", f"{response.status} {response.url}, {len(page)} bytes")
    is_form = 'type="password"' in page and 'method="post"' in page
    show.judge(is_form and "default-src 'none'" in policy, "a form that asks for name and password, and may load nothing from elsewhere")

    print(f"\n{show.cases} case, {show.surprises or 'no'} unexpected answer{'s' if show.surprises != 1 else ''}")
    return 1 if show.surprises else 0


if __name__ == "__main__":
    try:
        sys.exit(main(os.environ))
    except KeyError as missing:
        sys.exit(f"error: {missing} is not set: run this through scripts/demo.sh, which reads .demo/env")
    except (OSError, urllib.error.URLError) as fault:
        sys.exit(f"error: {fault}")

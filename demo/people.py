#!/usr/bin/env python3
"""people.py SUFFIX OUT_LDIF OUT_TSV: the demo's directory, 200 people of an invented company, for slapadd.

The same names on every run; the passwords are drawn anew and stand, in clear, only in OUT_TSV
(uid, DN, password; the two service accounts come first). Python's standard library only.
"""

import base64
import hashlib
import os
import secrets
import sys

FIRST = """Anna Bruno Carla Dmitri Elif Femke Georg Hanna Ivan Julia Karim Lena Marek Nadia Oskar Paula Quentin Rosa
Stefan Tamara""".split()
LAST = """Albrecht Becker Castelli Dubois Eriksson Fischer Garcia Hofmann Ivanova Jansen Kowalski Lindqvist Moreau
Novak Okafor Petrov Quist Rossi Schneider Tanaka""".split()
TEAMS = {  # organizational unit: how many of the 200
    "engineering": 80,
    "sales": 50,
    "operations": 40,
    "finance": 20,
    "management": 10,
}
# Two who left: OpenLDAP has no flag for "disabled". Its password policy overlay treats this one value of
# pwdAccountLockedTime as "locked until an administrator unlocks" (slapo-ppolicy(5)).
DISABLED = {17, 101}
LOCKED_FOR_GOOD = "000001010000Z"


def ssha(password):
    salt = os.urandom(8)
    return "{SSHA}" + base64.b64encode(hashlib.sha1(password.encode() + salt).digest() + salt).decode()


def entry(out, dn, *attributes):
    out.write(f"dn: {dn}\n" + "".join(f"{name}: {value}\n" for name, value in attributes) + "\n")


def people(suffix):
    """Two hundred (uid, dn, first, last, team, number): each first name meets ten last names."""
    teams = [team for team, size in TEAMS.items() for _ in range(size)]
    for number, team in enumerate(teams):
        first = FIRST[number % 20]
        last = LAST[(number // 20 + number) % 20]
        uid = f"{first}.{last}".lower()
        yield uid, f"uid={uid},ou={team},ou=people,{suffix}", first, last, team, number


def main(suffix, ldif_path, tsv_path):
    domain = suffix.replace("dc=", "").replace(",", ".")
    os.umask(0o077)
    with open(ldif_path, "w", encoding="utf-8") as ldif, open(tsv_path, "w", encoding="utf-8") as tsv:
        entry(ldif, suffix, ("objectClass", "dcObject"), ("objectClass", "organization"), ("o", "Example Company"),
              ("dc", domain.split(".")[0]))
        for unit in ("people", "groups", "services", "policies"):
            entry(ldif, f"ou={unit},{suffix}", ("objectClass", "organizationalUnit"), ("ou", unit))
        for team in TEAMS:
            entry(ldif, f"ou={team},ou=people,{suffix}", ("objectClass", "organizationalUnit"), ("ou", team))
        # Without a policy that enables lockout, slapd ignores pwdAccountLockedTime. No automatic lock: the number of
        # failures after which somebody is locked out is the appliance's to decide.
        entry(ldif, f"cn=default,ou=policies,{suffix}", ("objectClass", "device"), ("objectClass", "pwdPolicy"),
              ("cn", "default"), ("pwdAttribute", "userPassword"), ("pwdLockout", "TRUE"), ("pwdMaxFailure", "0"))
        for name, text in (("netscaler", "looks users up for the gateway"), ("vestibule", "reads for the appliance")):
            dn, password = f"cn={name},ou=services,{suffix}", secrets.token_hex(12)
            entry(ldif, dn, ("objectClass", "applicationProcess"), ("objectClass", "simpleSecurityObject"),
                  ("cn", name), ("description", text), ("userPassword", ssha(password)))
            tsv.write(f"{name}\t{dn}\t{password}\n")

        teams = {team: [] for team in TEAMS}
        for uid, dn, first, last, team, number in people(suffix):
            password = secrets.token_hex(8)
            disabled = [("pwdAccountLockedTime", LOCKED_FOR_GOOD)] if number in DISABLED else []
            # slapadd runs no overlays, so memberOf is written here.
            entry(ldif, dn, ("objectClass", "inetOrgPerson"), ("uid", uid), ("cn", f"{first} {last}"), ("sn", last),
                  ("givenName", first), ("displayName", f"{first} {last}"), ("mail", f"{uid}@{domain}"), ("ou", team),
                  ("employeeNumber", 1000 + number), ("telephoneNumber", f"+49 711 5550{number:03d}"),
                  ("mobile", f"+49 171 5550{number:03d}"), ("userPassword", ssha(password)),
                  ("memberOf", f"cn={team},ou=groups,{suffix}"), *disabled)
            teams[team].append(dn)
            tsv.write(f"{uid}\t{dn}\t{password}\n")

        # Nested: engineering and operations are technology; technology, sales, finance and management are all staff;
        # all staff may use the VPN.
        def group(name, members):
            entry(ldif, f"cn={name},ou=groups,{suffix}", ("objectClass", "groupOfNames"), ("cn", name),
                  *nested.get(name, []), *(("member", member) for member in members))

        def group_dn(name):
            return f"cn={name},ou=groups,{suffix}"

        nesting = {
            "technology": ["engineering", "operations"],
            "all-staff": ["technology", "sales", "finance", "management"],
            "vpn-users": ["all-staff"],
        }
        nested = {}
        for outer, inner in nesting.items():
            for name in inner:
                nested.setdefault(name, []).append(("memberOf", group_dn(outer)))
        for team, members in teams.items():
            group(team, members)
        for outer, inner in nesting.items():
            group(outer, [group_dn(name) for name in inner])


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])

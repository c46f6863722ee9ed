//! The facts, one product after the other. One table in one file, however long: it is read by searching for a name.
//! Where each fact comes from stands at the end of the product's page in docs/gateways.

use std::time::Duration;

use super::CallingStation::{Address, AddressIfSet, HardwareAddress};
use super::{CallingStation, Knowledge, Product, Radius, Sends, Setting, Side, Wait};

const fn wait(seconds: u64, tries: u32) -> Wait {
    Wait { each: Duration::from_secs(seconds), tries }
}

/// What a product of which nothing is known is taken for.
const PLAIN: Side = Side { page: "", default: None, push: wait(60, 1), settings: &[], asks_again: None, code: None };

const UNKNOWN: Radius = Radius {
    side: PLAIN,
    challenges: Knowledge::Unknown,
    sends_authenticator: Sends::Unknown,
    wants_authenticator: None,
    calling_station: CallingStation::Unknown,
    groups: &[],
};

pub static PRODUCTS: &[Product] = &[
    Product {
        name: "netscaler",
        aliases: &["citrix", "citrix-adc", "citrix-gateway"],
        title: "NetScaler",
        ldap: Some(Side {
            page: "netscaler-ldap",
            default: Some(wait(3, 1)),
            push: wait(60, 1),
            settings: &[Setting {
                place: "NetScaler command line, for each LDAP action",
                set: "set authentication ldapAction vestibule -authTimeout 60",
            }],
            asks_again: None,
            code: None,
        }),
        radius: Some(Radius {
            side: Side {
                page: "netscaler-radius",
                default: Some(wait(3, 3)),
                push: wait(60, 1),
                settings: &[
                    Setting {
                        place: "NetScaler command line, for each RADIUS action",
                        set: "set authentication radiusAction vestibule -authTimeout 60 -authservRetry 1",
                    },
                    Setting {
                        place: "NetScaler command line, where the NSIP is translated to a SNIP",
                        set: "set ns timeout -newConnIdleTimeout 65",
                    },
                ],
                asks_again: None,
                code: None,
            },
            challenges: Knowledge::Yes,
            sends_authenticator: Sends::IfSet("set authentication radiusAction vestibule -messageAuthenticator ON"),
            wants_authenticator: None,
            calling_station: AddressIfSet("set authentication radiusAction vestibule -callingstationid ENABLED"),
            groups: &["netscaler-groups"],
        }),
    },
    Product {
        name: "fortigate",
        aliases: &["fortinet", "fortios", "forticlient"],
        title: "FortiGate",
        ldap: Some(Side {
            page: "fortigate",
            default: Some(wait(5, 1)),
            settings: &[Setting {
                place: "FortiOS command line",
                set: "config system global\n  set remoteauthtimeout 60\nend",
            }],
            ..PLAIN
        }),
        radius: Some(Radius {
            side: Side {
                page: "fortigate",
                // `timeout` is the time between resends; `remoteauthtimeout` is the window they fall in.
                default: Some(wait(5, 1)),
                settings: &[
                    Setting {
                        place: "FortiOS command line",
                        set: "config system global\n  set remoteauthtimeout 60\nend",
                    },
                    Setting {
                        place: "FortiOS command line",
                        set: "config user radius\n  edit vestibule\n    set timeout 60\n  next\nend",
                    },
                ],
                ..PLAIN
            },
            challenges: Knowledge::Yes,
            wants_authenticator: Some("from 7.2.10, 7.4.5 and 7.6.1 on"),
            groups: &["fortinet-group", "fortinet-profile"],
            ..UNKNOWN
        }),
    },
    Product {
        name: "cisco-asa",
        aliases: &["asa", "anyconnect", "secure-client", "secure-firewall"],
        title: "Cisco ASA",
        ldap: None,
        radius: Some(Radius {
            side: Side {
                page: "cisco-asa",
                // The client gives up first: after 12 s, from AnyConnect 4.8.02045 on after 30 s.
                default: Some(wait(12, 1)),
                settings: &[
                    Setting { place: "VPN client profile", set: "<AuthenticationTimeout>60</AuthenticationTimeout>" },
                    Setting {
                        place: "ASA command line",
                        set: "aaa-server VESTIBULE (inside) host 192.0.2.20\n timeout 60",
                    },
                ],
                ..PLAIN
            },
            challenges: Knowledge::Yes,
            calling_station: Address,
            groups: &["cisco-asa-policy", "cisco-avpair"],
            ..UNKNOWN
        }),
    },
    Product {
        name: "palo-alto",
        aliases: &["globalprotect", "pan-os", "paloalto"],
        title: "Palo Alto GlobalProtect",
        ldap: None,
        radius: Some(Radius {
            side: Side {
                page: "palo-alto",
                default: Some(wait(3, 3)),
                // GlobalProtect itself lets go of a request after about 25 s, so more does not help.
                push: wait(25, 1),
                settings: &[Setting { place: "Device > Server Profiles > RADIUS", set: "Timeout 25, Retries 1" }],
                asks_again: Some("portal and gateway each ask for the same person"),
                code: Some("a code works once, and the gateway sends the portal's again: use the grace or cookies"),
            },
            challenges: Knowledge::Yes,
            groups: &["palo-alto-group", "palo-alto-role"],
            ..UNKNOWN
        }),
    },
    Product {
        name: "openvpn",
        aliases: &[],
        title: "OpenVPN",
        ldap: None,
        radius: Some(Radius {
            side: Side {
                page: "openvpn",
                default: Some(wait(1, 1)),
                settings: &[
                    Setting { place: "radiusplugin.cnf, within server { }", set: "wait=60\nretry=1" },
                    Setting {
                        place: "OpenVPN server configuration",
                        set: "auth-gen-token 43200\nreneg-sec 3600\nhand-window 70",
                    },
                ],
                code: Some("without auth-gen-token each renegotiation asks again, by default every hour"),
                ..PLAIN
            },
            challenges: Knowledge::No,
            ..UNKNOWN
        }),
    },
    Product {
        name: "pfsense",
        aliases: &[],
        title: "pfSense",
        ldap: Some(Side {
            page: "pfsense",
            default: Some(wait(25, 1)),
            settings: &[Setting {
                place: "System > User Manager > Authentication Servers > LDAP",
                set: "Server Timeout 60",
            }],
            ..PLAIN
        }),
        radius: Some(Radius {
            side: Side {
                page: "pfsense",
                default: Some(wait(5, 3)),
                push: wait(20, 3),
                settings: &[Setting {
                    place: "System > User Manager > Authentication Servers > RADIUS",
                    set: "Authentication Timeout 20",
                }],
                ..PLAIN
            },
            challenges: Knowledge::No,
            groups: &["class-group"],
            ..UNKNOWN
        }),
    },
    Product {
        name: "opnsense",
        aliases: &[],
        title: "OPNsense",
        ldap: None,
        radius: Some(Radius {
            side: Side {
                page: "opnsense",
                default: Some(wait(5, 3)),
                push: wait(20, 3),
                settings: &[Setting { place: "System > Access > Servers", set: "Authentication Timeout 20" }],
                ..PLAIN
            },
            challenges: Knowledge::No,
            groups: &["class-group"],
            ..UNKNOWN
        }),
    },
    Product {
        name: "pam-radius",
        aliases: &["pam", "linux"],
        title: "pam_radius",
        ldap: None,
        radius: Some(Radius {
            side: Side {
                page: "pam-radius",
                default: Some(wait(3, 1)),
                settings: &[Setting {
                    place: "the module's server file, the third word of the line",
                    set: "192.0.2.20 THE-SECRET 60",
                }],
                ..PLAIN
            },
            challenges: Knowledge::Yes,
            sends_authenticator: Sends::Always("since the fixes for CVE-2024-3596; some distributions lag behind"),
            wants_authenticator: Some("with the module option require_message_authenticator"),
            calling_station: Address,
            ..UNKNOWN
        }),
    },
    Product {
        name: "sonicwall",
        aliases: &["sonicos"],
        title: "SonicWall",
        ldap: None,
        radius: Some(Radius {
            side: Side {
                page: "sonicwall",
                default: Some(wait(5, 3)),
                settings: &[Setting {
                    place: "Users > Settings > Configure RADIUS",
                    set: "RADIUS Server Timeout 60, Retries 1",
                }],
                ..PLAIN
            },
            groups: &["sonicwall-group", "filter-id-group", "class-group"],
            ..UNKNOWN
        }),
    },
    Product {
        name: "ivanti",
        aliases: &["juniper", "pulse", "pulse-secure", "connect-secure"],
        title: "Ivanti Connect Secure",
        ldap: None,
        radius: Some(Radius {
            side: Side {
                page: "ivanti",
                settings: &[Setting {
                    place: "Authentication > Auth. Servers > RADIUS Server",
                    set: "Timeout 60, Retries 1",
                }],
                ..PLAIN
            },
            challenges: Knowledge::Yes,
            groups: &["filter-id-group", "class-group"],
            ..UNKNOWN
        }),
    },
    Product {
        name: "mikrotik",
        aliases: &["routeros"],
        title: "MikroTik",
        ldap: None,
        radius: Some(Radius {
            side: Side {
                page: "mikrotik",
                default: Some(Wait { each: Duration::from_millis(300), tries: 1 }),
                settings: &[Setting { place: "RouterOS command line", set: "/radius set [find] timeout=60s" }],
                code: Some("PAP only: Winbox and WebFig use CHAP, which needs an upstream RADIUS server"),
                ..PLAIN
            },
            challenges: Knowledge::No,
            sends_authenticator: Sends::Always("since RouterOS 7.15, unless require-message-auth=no"),
            wants_authenticator: Some("since RouterOS 7.15, unless require-message-auth=no"),
            calling_station: Address,
            groups: &["mikrotik-group"],
        }),
    },
    Product {
        name: "802.1x",
        aliases: &["aruba", "switch", "wlan", "dot1x"],
        title: "A switch or access point with 802.1X",
        ldap: None,
        radius: Some(Radius {
            side: Side {
                page: "802.1x",
                default: Some(wait(5, 3)),
                push: wait(15, 3),
                settings: &[Setting {
                    place: "ArubaOS-Switch command line",
                    set: "radius-server timeout 15\nradius-server retransmit 3",
                }],
                code: Some("EAP carries no code of ours: the second factor is an approval"),
                ..PLAIN
            },
            challenges: Knowledge::No,
            sends_authenticator: Sends::Always("always: EAP may not be sent without it (RFC 3579 §3.2)"),
            wants_authenticator: Some("always, with EAP (RFC 3579 §3.2)"),
            calling_station: HardwareAddress,
            groups: &["vlan", "aruba-role"],
        }),
    },
    Product {
        name: "rd-gateway",
        aliases: &["rdg", "nps", "remote-desktop-gateway"],
        title: "Remote Desktop Gateway by way of NPS",
        ldap: None,
        radius: Some(Radius {
            side: Side {
                page: "rd-gateway",
                settings: &[Setting {
                    place: "NPS > Remote RADIUS Server Groups > TS GATEWAY SERVER GROUP > Load Balancing",
                    set: "60 seconds without response before a request is considered dropped,\n60 seconds between requests \
                          when the server is identified as unavailable",
                }],
                code: Some("the password is not sent along: the second factor is an approval"),
                ..PLAIN
            },
            challenges: Knowledge::No,
            sends_authenticator: Sends::IfSet(
                "NPS > Remote RADIUS Server Groups > the server > Authentication/Accounting > Request must contain the \
                 message authenticator attribute",
            ),
            ..UNKNOWN
        }),
    },
    Product {
        name: "stormshield",
        aliases: &["sns"],
        title: "Stormshield",
        ldap: None,
        radius: Some(Radius {
            side: Side {
                page: "stormshield",
                settings: &[Setting {
                    place: "serverd command line; the time is in milliseconds",
                    set: "CONFIG AUTH RADIUS host=vestibule port=radius key=\"THE-SECRET\" timeout=60000 retry=0",
                }],
                ..PLAIN
            },
            sends_authenticator: Sends::IfSet("CONFIG AUTH RADIUS MsgAuthenticatorSend=1 (from 5.0.0 on)"),
            wants_authenticator: Some("with MsgAuthenticatorRequired=1 (from 5.0.0 on)"),
            ..UNKNOWN
        }),
    },
    Product {
        name: "horizon",
        aliases: &["uag", "omnissa", "vmware-horizon"],
        title: "Horizon Unified Access Gateway",
        ldap: None,
        radius: Some(Radius {
            side: Side {
                page: "horizon",
                settings: &[Setting {
                    place: "UAG console > Authentication Settings > RADIUS",
                    set: "Server Timeout in Seconds 60, Number of attempts to RADIUS server 1",
                }],
                ..PLAIN
            },
            challenges: Knowledge::Yes,
            ..UNKNOWN
        }),
    },
    Product {
        name: "generic",
        aliases: &["other"],
        title: "The gateway",
        ldap: Some(Side { page: "generic-ldap", ..PLAIN }),
        radius: Some(Radius {
            side: Side { page: "generic-radius", ..PLAIN },
            groups: &["filter-id-group", "class-group"],
            ..UNKNOWN
        }),
    },
];

//! Flags about TLS, origins and authentication.

use super::spec::FlagSpec;
use super::spec::Kind::{Bool, Checked, List, Origins, Set, Text, Uint};

const fn flag(name: &'static str, kind: super::Kind, default: &'static str, help: &'static str) -> FlagSpec {
    FlagSpec::new(name, kind, default, help)
}

pub(super) const FLAGS: &[FlagSpec] = &[
    flag("cert-file", Text, "", "Certificate of the client port.")
        .yaml("client-transport-security.cert-file"),
    flag("key-file", Text, "", "Key of --cert-file.").yaml("client-transport-security.key-file"),
    flag("client-cert-auth", Bool, "false", "Clients must show a certificate.")
        .yaml("client-transport-security.client-cert-auth"),
    flag("client-cert-file", Text, "", "Certificate for connecting to the own client port.")
        .yaml("client-transport-security.client-cert-file"),
    flag("client-key-file", Text, "", "Key of --client-cert-file.")
        .yaml("client-transport-security.client-key-file"),
    flag("client-crl-file", Text, "", "Client certificates that are revoked.").no_yaml(),
    flag("client-cert-allowed-hostname", List, "", "Host names that client certificates may carry.")
        .yaml("client-transport-security.allowed-hostname"),
    flag("trusted-ca-file", Text, "", "Certificates that sign the clients' ones.")
        .yaml("client-transport-security.trusted-ca-file"),
    flag("auto-tls", Bool, "false", "Make a certificate for the client port.")
        .yaml("client-transport-security.auto-tls"),
    flag("peer-cert-file", Text, "", "Certificate for the peer port and for connecting to other members.")
        .yaml("peer-transport-security.cert-file"),
    flag("peer-key-file", Text, "", "Key of --peer-cert-file.").yaml("peer-transport-security.key-file"),
    flag("peer-client-cert-auth", Bool, "false", "Other members must show a certificate.")
        .yaml("peer-transport-security.client-cert-auth"),
    flag(
        "peer-client-cert-file",
        Text,
        "",
        "Certificate for connecting to other members, when not --peer-cert-file.",
    )
    .yaml("peer-transport-security.client-cert-file"),
    flag("peer-client-key-file", Text, "", "Key of --peer-client-cert-file.")
        .yaml("peer-transport-security.client-key-file"),
    flag("peer-trusted-ca-file", Text, "", "Certificates that sign the members' ones.")
        .yaml("peer-transport-security.trusted-ca-file"),
    flag("peer-cert-allowed-cn", List, "", "Common names that members' certificates may carry.")
        .yaml("peer-transport-security.allowed-cn"),
    flag("peer-cert-allowed-hostname", List, "", "Host names that members' certificates may carry.")
        .yaml("peer-transport-security.allowed-hostname"),
    flag("peer-auto-tls", Bool, "false", "Make a certificate for the peer port.")
        .yaml("peer-transport-security.auto-tls"),
    flag("self-signed-cert-validity", Uint, "1", "Years for which certificates made here are valid."),
    flag("peer-crl-file", Text, "", "Members' certificates that are revoked.").no_yaml(),
    flag(
        "peer-skip-client-san-verification",
        Bool,
        "false",
        "Do not compare the address of a member with its certificate.",
    )
    .yaml("peer-transport-security.skip-client-san-verification"),
    flag("cipher-suites", List, "", "TLS cipher suites, by Go's names; empty for the default."),
    flag(
        "tls-min-version",
        Checked(&["", "TLS1.2", "TLS1.3"]),
        "TLS1.2",
        "Oldest TLS version: TLS1.2 or TLS1.3.",
    ),
    flag(
        "tls-max-version",
        Checked(&["", "TLS1.2", "TLS1.3"]),
        "",
        "Newest TLS version: TLS1.2 or TLS1.3; empty for the newest.",
    ),
    flag("cors", Origins, "*", "Origins that browsers may call from; * for all."),
    flag("host-whitelist", Set, "*", "Host names that HTTP requests without TLS may ask for; * for all."),
];

pub(super) const AUTH: &[FlagSpec] = &[
    flag("auth-token", Text, "simple", "Kind of token: 'simple', or 'jwt' with its options."),
    flag("bcrypt-cost", Uint, "10", "Cost of hashing a password: 4 to 31."),
    flag("auth-token-ttl", Uint, "300", "Seconds for which a simple token is valid."),
];

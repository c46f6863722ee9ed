//! Binds as gateways make them.

use std::net::IpAddr;

use vestibule::wire::message::Scope;

use super::support::appliance::Appliance;
use super::support::ldap::Ldap;
use super::support::people::totp;
use super::support::slapd::{Slapd, SlapdOptions};

fn slapd() -> Slapd {
    Slapd::start(&SlapdOptions { address: IpAddr::from([127, 0, 7, 1]), ..SlapdOptions::default() })
}

#[tokio::test]
async fn service_bind_search_and_user_bind_on_one_connection_let_the_user_in_with_the_second_factor() {
    let slapd = slapd();
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");

    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&slapd.service_dn, &slapd.service_password).await, (0, String::new()));
    let found = gateway.search(&slapd.base, Scope::Subtree, "(uid=user0001)").await;
    assert_eq!((found.names(), found.code), (vec![user.dn.as_str()], 0));
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.totp())).await, (0, String::new()));
    assert_eq!(gateway.who_am_i().await, format!("dn:{}", user.dn));
    gateway.unbind().await;

    assert_eq!(appliance.recorded().await, ["totp"]);
}

//! Groups of Active Directory (Samba): what we make of `member` and of the primary group is what the domain itself puts
//! into an account's token.

use std::collections::BTreeSet;
use std::process::Command;

use sqlx::PgPool;
use vestibule::domain::sid::Sid;

use super::active_directory::before;
use super::active_directory::samba::{BASE, PASSWORD, Samba, change};
use super::support::appliance::Appliance;
use super::sync_openldap::{follow, run, vestibule};

/// The SIDs that the domain says an account has by its groups (MS-ADTS §3.1.1.4.5.19).
fn token(samba: &Samba, cn: &str) -> BTreeSet<String> {
    let server = format!("ldap://{}", samba.addr.ip());
    let dn = Samba::dn_of(cn);
    let output = Command::new("ldapsearch")
        .args(["-x", "-LLL", "-o", "ldif-wrap=no", "-H", &server, "-D", &Samba::service_upn(), "-w", PASSWORD])
        .args(["-b", &dn, "-s", "base", "tokenGroups"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let values = text.lines().filter_map(|line| line.strip_prefix("tokenGroups:: "));
    let sid = |text: &str| Sid::parse(&data_encoding::BASE64.decode(text.as_bytes()).unwrap()).unwrap().to_string();
    values.map(sid).collect()
}

async fn sids(appliance: &Appliance, account: &str) -> BTreeSet<String> {
    let pool = PgPool::connect(appliance.database_url()).await.unwrap();
    let sids: Vec<String> = sqlx::query_scalar(
        "select g.primary_id from user_groups x join groups g on g.id = x.group_id join users u on u.id = x.user_id
         where u.name = $1",
    )
    .bind(account)
    .fetch_all(&pool)
    .await
    .unwrap();
    sids.into_iter().collect()
}

#[tokio::test]
async fn a_users_groups_are_those_of_the_domains_own_token_primary_and_nested() {
    let samba = Samba::start();
    // Round in a circle, and Domain Users, in which nobody is a member by name.
    samba.modify(&change(&Samba::group("engineering"), "add", "member", &Samba::group("vpn-users")));
    samba.modify(&change(&Samba::group("all-staff"), "add", "member", &format!("CN=Domain Users,CN=Users,{BASE}")));
    samba.modify(&change(&Samba::dn_of("Bob Braun"), "replace", "description", "is in no group by name"));
    let appliance = before(&samba).await;
    follow(&appliance, &["--base", &format!("OU=Acme,{BASE}")]);
    assert_eq!(run(&appliance, &[])["state"], "finished");
    for (account, cn) in [("alice", "Alice Adams"), ("bob", "Bob Braun"), ("jmueller", "Müller, Jörg")] {
        let domain = token(&samba, cn);
        assert!(domain.iter().any(|sid| sid.ends_with("-513")), "{cn} is in Domain Users: {domain:?}");
        assert_eq!(sids(&appliance, account).await, domain, "{cn}");
    }
    let (code, out, err) = vestibule(&appliance, &["user", "show", "bob"]);
    assert!(code == 0 && out.contains("(by way of Domain Users)"), "{out}{err}");

    // Another primary group, which must be one he is in.
    let group = Samba::group("engineering");
    samba.modify(&change(&group, "add", "member", &Samba::dn_of("Bob Braun")));
    let rid = sids(&appliance, "alice").await;
    run(&appliance, &[]);
    assert!(sids(&appliance, "bob").await.is_superset(&rid), "a member by name now");
    assert_eq!(sids(&appliance, "bob").await, token(&samba, "Bob Braun"));
}

#[tokio::test]
async fn a_group_of_more_members_than_a_domain_gives_at_once_is_whole() {
    const CONTACTS: usize = 1_600;
    let samba = Samba::start();
    let contact = |number: usize| format!("CN=contact{number:04},OU=Groups,OU=Acme,{BASE}");
    let contacts = (0..CONTACTS).map(|at| format!("dn: {}\nobjectClass: contact\n\n", contact(at)));
    samba.add(&contacts.collect::<Vec<_>>().concat());
    let members = (0..CONTACTS).map(|at| format!("member: {}\n", contact(at))).collect::<Vec<_>>().concat();
    let many = Samba::group("many");
    samba.add(&format!(
        "dn: {many}\nobjectClass: group\nsAMAccountName: many\ngroupType: -2147483646\n{members}member: {}\n\n",
        Samba::dn_of("Alice Adams")
    ));
    let appliance = before(&samba).await;
    follow(&appliance, &["--base", &format!("OU=Acme,{BASE}")]);
    let said = run(&appliance, &[]);
    assert!(said["note"].is_null(), "{said}");
    let pool = PgPool::connect(appliance.database_url()).await.unwrap();
    let count = "select count(*) from group_members m join groups g on g.id = m.group_id where g.name = 'many'";
    let count: i64 = sqlx::query_scalar(count).fetch_one(&pool).await.unwrap();
    assert_eq!(count, 1_601);
}

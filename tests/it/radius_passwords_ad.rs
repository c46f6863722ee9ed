//! An expired password of Active Directory (Samba), changed in a dialog: after the second factor, and with the directory's rules.

use vestibule::domain::client::Client;

use super::active_directory::before_with;
use super::active_directory::samba::{PASSWORD, Samba};
use super::support::appliance::vpn_with;
use super::support::people::hotp;
use super::support::radius::{ACCESS_ACCEPT, ACCESS_CHALLENGE, ACCESS_REJECT, Answer, REPLY_MESSAGE, Request, STATE};

fn changing() -> Client {
    vpn_with(|radius| {
        radius.dialogs = true;
        radius.password_change = true;
    })
}

#[tokio::test]
async fn an_expired_password_is_changed_after_the_second_factor_and_by_the_directorys_rules() {
    let samba = Samba::start();
    let appliance = before_with(&samba, changing()).user_with_password("mona", PASSWORD).with(hotp()).await;
    let (mona, nas) = (appliance.person("mona"), appliance.nas().await);
    let answer = async |shown: &Answer, text: &str| {
        let state = shown.first(STATE).expect("a State comes with a question");
        nas.ask(&Request::pap("mona", text).with(STATE, &state)).await
    };
    let new = "An0ther-Passw0rd!";

    let shown = nas.ask(&Request::pap("mona", "wrong")).await;
    assert_eq!(shown.code, ACCESS_REJECT, "a wrong password is not expired");
    let shown = nas.ask(&Request::pap("mona", PASSWORD)).await;
    assert_eq!(shown.text(REPLY_MESSAGE), "Enter a code", "the second factor comes first");
    let shown = answer(&shown, &mona.hotp()).await;
    assert_eq!(shown.code, ACCESS_CHALLENGE);
    assert!(shown.text(REPLY_MESSAGE).contains("has expired"), "{shown:?}");
    let shown = answer(&shown, "short").await;
    let shown = answer(&shown, "short").await;
    assert!(shown.text(REPLY_MESSAGE).contains("was not taken"), "{shown:?}");
    let shown = answer(&shown, new).await;
    let shown = answer(&shown, "something else").await;
    assert!(shown.text(REPLY_MESSAGE).contains("differ"), "{shown:?}");
    let shown = answer(&shown, new).await;
    assert_eq!(answer(&shown, new).await.code, ACCESS_ACCEPT);

    let field = format!("{new},{}", mona.hotp());
    assert_eq!(nas.ask(&Request::pap("mona", &field)).await.code, ACCESS_ACCEPT, "the new password works");
    let recorded = appliance.recorded().await;
    assert_eq!(recorded, ["wrong-password", "password-expired", "password-expired", "hotp", "hotp"]);
    assert_eq!(appliance.events("password-changed").await.len(), 1);
}

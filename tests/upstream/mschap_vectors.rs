//! The client that MS-CHAPv2 is tested with computes what the RFCs print.

use data_encoding::HEXLOWER;

use crate::support::mschap;

const CHALLENGE: [u8; 16] = *b"[]|}{?/><,`!2&&(";
const PEER_CHALLENGE: [u8; 16] = *b"!@#$%^&*()_+:3|~";

#[test]
fn r39_the_vectors_of_rfc_2759_9_2_hold() {
    let hash = mschap::password_hash("clientPass");
    assert_eq!(HEXLOWER.encode(&hash), "44ebba8d5312b8d611474411f56989ae");
    assert_eq!(HEXLOWER.encode(&mschap::hash_of_hash(&hash)), "41c00c584bd2d91c4017a2a12fa59f3f");
    let challenge = mschap::challenge_hash(&PEER_CHALLENGE, &CHALLENGE, "User");
    assert_eq!(HEXLOWER.encode(&challenge), "d02e4386bce91226");
    let response = mschap::nt_response(&CHALLENGE, &PEER_CHALLENGE, "User", "clientPass");
    assert_eq!(HEXLOWER.encode(&response), "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df");
    assert_eq!(
        mschap::authenticator_response("clientPass", &response, &PEER_CHALLENGE, &CHALLENGE, "User"),
        "S=407A5589115FD0D6209F510FE9C04566932CDA56"
    );
}

#[test]
fn r39_the_vectors_of_rfc_3079_3_5_hold() {
    let response = mschap::nt_response(&CHALLENGE, &PEER_CHALLENGE, "User", "clientPass");
    let master = mschap::master_key("clientPass", &response);
    assert_eq!(HEXLOWER.encode(&master), "fdece3717a8c838cb388e527ae3cdd31");
    assert_eq!(HEXLOWER.encode(&mschap::server_send_key(&master)), "8b7cdc149b993a1ba118cb153f56dccb");
    assert_ne!(mschap::server_send_key(&master), mschap::server_receive_key(&master));
}

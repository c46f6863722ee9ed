//! A BindRequest: what is read of it, written again for the directory, reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vestibule::domain::client::CodeForm;
use vestibule::domain::offered::Offered;
use vestibule::wire::message::{BindRequest, Proof, bind_request};

fuzz_target!(|bytes: &[u8]| {
    let Ok(request) = BindRequest::parse(bytes) else {
        return;
    };
    let (Ok(name), Proof::Simple(password)) = (&request.name, &request.proof) else {
        return;
    };
    let written = bind_request(request.message_id, name, password, &request.controls);
    let again = BindRequest::parse(&written).expect("what we write can be read");
    assert_eq!((again.message_id, again.version, again.name.as_ref()), (request.message_id, 3, Ok(name)));
    let Proof::Simple(same) = &again.proof else { panic!("another kind of proof") };
    assert!(same.same_as(password.expose()));
    assert_eq!(again.controls.len(), request.controls.len());

    // Every way to read the field is the field, or a beginning of it.
    for form in [CodeForm::DEFAULT, CodeForm { delimiter: None, fixed_length: Some(6) }] {
        let readings = Offered::readings(password, form);
        assert!(readings.last().is_some_and(|whole| whole.password.same_as(password.expose())));
        assert!(readings.iter().all(|reading| password.expose().starts_with(reading.password.expose())));
    }
});

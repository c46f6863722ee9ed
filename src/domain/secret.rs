//! Bytes that must not be seen: wiped when dropped, and without `Debug`, `Display` or `Serialize`, so that the
//! compiler refuses to print them (SECURITY R44, R45).

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

macro_rules! secret {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Zeroizing<Box<[u8]>>);

        impl $name {
            pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
                Self(Zeroizing::new(bytes.into()))
            }
            /// The bytes themselves. Callers hand them to a cipher, a hash or a socket, never to a formatter.
            pub fn expose(&self) -> &[u8] {
                &self.0
            }
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
            /// Equality in time that depends on the lengths only.
            pub fn same_as(&self, other: &[u8]) -> bool {
                self.0.ct_eq(other).into()
            }
        }
    )*};
}

secret! {
    /// A password as it came over the wire: any bytes, any length.
    Password;
    /// What a RADIUS client and its server share (RFC 2865 §3).
    SharedSecret;
    /// The shared key of an OATH token (RFC 4226 §5.1).
    Seed;
    /// A one-time code or recovery code as a person typed it, already normalised.
    Code;
    /// What a person answers to a security question, in comparison form.
    Answer;
    /// The process-wide master key all other keys are derived from; 32 bytes.
    MasterKey;
}

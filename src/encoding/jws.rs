//! JSON Web Signatures in their compact form (RFC 7515 7.1), by the algorithms of RFC 7518 3.4.

use serde_json::{Value, json};

use super::keys::PublicKey;
use super::text::base64url;

/// What is signed of a JSON Web Token (RFC 7519). The header names the algorithm, and the key by
/// its thumbprint.
pub(crate) fn to_be_signed(claims: &Value, key: &PublicKey) -> String {
    let kid = base64url(&key.thumbprint());
    let header = json!({ "alg": key.algorithm().name(), "typ": "JWT", "kid": kid });
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    format!("{}.{}", part(&header), part(claims))
}

/// The token with the signature (r and s) that somebody made of [`to_be_signed`].
pub(crate) fn signed(message: &str, signature: &[u8]) -> String {
    format!("{message}.{}", base64url(signature))
}

//! JSON Web Signatures in their compact form (RFC 7515 7.1), by the algorithms of RFC 7518 3.4.

use serde_json::{Value, json};

use super::keys::SigningKey;
use super::text::base64url;

/// Signs a document as a JSON Web Token (RFC 7519). The header names the algorithm, and the key by
/// its thumbprint.
pub(crate) fn token(claims: &Value, key: &SigningKey) -> String {
    let kid = base64url(&key.public().thumbprint());
    let header = json!({ "alg": key.algorithm().name(), "typ": "JWT", "kid": kid });
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(&header), part(claims));
    let signature = base64url(&key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

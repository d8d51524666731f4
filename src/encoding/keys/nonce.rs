//! Signatures of P-521 without randomness (RFC 6979 3.2, with SHA-512), which `p521` has not.

use hmac::{Hmac, Mac as _};
use p521::elliptic_curve::ops::{Invert as _, Reduce as _};
use p521::elliptic_curve::point::AffineCoordinates as _;
use p521::{FieldBytes, NonZeroScalar, ProjectivePoint, Scalar, SecretKey};
use sha2::{Digest as _, Sha512};

/// Bytes of a number below the curve's order, whose 521 bits begin with seven that are zero.
const LEN_BYTES: usize = 66;
const SPARE_BITS: u32 = 7;

/// r and s over `message`.
pub(super) fn sign(key: &SecretKey, message: &[u8]) -> Vec<u8> {
    let digest = Sha512::digest(message);
    // The digest is shorter than the order, so it is the number that is signed as it stands.
    let mut number = FieldBytes::default();
    number[LEN_BYTES - digest.len()..].copy_from_slice(&digest);
    let mut nonces = Nonces::new(&key.to_bytes(), &number);
    loop {
        let k = nonces.next();
        let point = (ProjectivePoint::GENERATOR * *k).to_affine();
        let r = Scalar::reduce_bytes(&point.x());
        let inverse: NonZeroScalar = k.invert();
        let secret = *key.to_nonzero_scalar();
        let s = *inverse * (Scalar::reduce_bytes(&number) + r * secret);
        if let Ok(signature) = p521::ecdsa::Signature::from_scalars(r, s) {
            return signature.to_bytes().to_vec();
        }
    }
}

/// The generator of RFC 6979: HMAC_DRBG with a key and a digest as its seed.
struct Nonces {
    key: [u8; 64],
    value: [u8; 64],
}

impl Nonces {
    fn new(secret: &[u8], digest: &[u8]) -> Self {
        let mut nonces = Self { key: [0; 64], value: [1; 64] };
        for step in [0, 1] {
            nonces.key = nonces.hmac(&[&nonces.value, &[step], secret, digest]);
            nonces.value = nonces.hmac(&[&nonces.value]);
        }
        nonces
    }

    fn hmac(&self, parts: &[&[u8]]) -> [u8; 64] {
        let mut mac = Hmac::<Sha512>::new_from_slice(&self.key).expect("keys of any length");
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    fn next(&mut self) -> NonZeroScalar {
        loop {
            let first = self.hmac(&[&self.value]);
            self.value = first;
            self.value = self.hmac(&[&self.value]);
            let mut bytes = FieldBytes::default();
            bytes[..64].copy_from_slice(&first);
            bytes[64..].copy_from_slice(&self.value[..LEN_BYTES - 64]);
            let found = NonZeroScalar::from_repr(shifted(bytes));
            if let Some(k) = Option::<NonZeroScalar>::from(found) {
                return k;
            }
            self.key = self.hmac(&[&self.value, &[0]]);
            self.value = self.hmac(&[&self.value]);
        }
    }
}

/// The leftmost 521 bits as a number.
fn shifted(bytes: FieldBytes) -> FieldBytes {
    let mut shifted = FieldBytes::default();
    let mut before = 0_u8;
    for (to, from) in shifted.iter_mut().zip(&bytes) {
        *to = from >> SPARE_BITS | before << (8 - SPARE_BITS);
        before = *from;
    }
    shifted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::text::{from_hex, hex};

    /// RFC 6979 A.2.7, SHA-512.
    #[test]
    fn the_vectors_of_the_rfc() {
        let secret = from_hex(
            "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c7085\
             5836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538",
        );
        let key = SecretKey::from_slice(&secret.unwrap()).unwrap();
        for (message, signature) in [
            (
                &b"sample"[..],
                "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d4\
                 50606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa\
                 00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c07\
                 23d8b8c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4a67a",
            ),
            (
                b"test",
                "013e99020abf5cee7525d16b69b229652ab6bdf2affcaef38773b4b7d08725f10cdb93482fdcc54edc\
                 ee91eca4166b2a7c6265ef0ce2bd7051b7cef945babd47ee6d\
                 01fbd0013c674aa79cb39849527916ce301c66ea7ce8b80682786ad60f98f7e78a19ca69eff5c57400\
                 e3b3a0ad66ce0978214d13baf4e9ac60752f7b155e2de4dce3",
            ),
        ] {
            assert_eq!(hex(&sign(&key, message)), signature);
        }
    }
}

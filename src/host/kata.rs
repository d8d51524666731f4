//! kata-containers: what its runtime hands to a Realm.

use serde::Deserialize;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::gunzip::gunzip_bytes;
use crate::abi::params::Rpv;
use crate::encoding::text::from_loose_base64;
use crate::encoding::toml_text;

/// Most bytes of initdata, packed or not.
pub const MAX_INITDATA_BYTES: u64 = 4 << 20;

#[derive(Deserialize)]
struct Initdata {
    algorithm: String,
    version: String,
}

/// The personalization value of initdata: the digest of its TOML by the algorithm that it names,
/// with zeros behind it up to 64 bytes. `file` is the TOML, or base64 of it in gzip, as the
/// annotation `io.katacontainers.config.hypervisor.cc_init_data` has it.
///
/// # Errors
/// If it is neither, or names no algorithm that kata knows (sha256, sha384, sha512).
pub fn personalization_value(file: &[u8]) -> Result<Rpv, String> {
    let packed = std::str::from_utf8(file).ok().and_then(|text| from_loose_base64(text.trim()));
    let packed = packed.filter(|bytes| bytes.starts_with(&[0x1F, 0x8B]));
    let unpacked = packed.map(|bytes| gunzip_bytes(&bytes, MAX_INITDATA_BYTES)).transpose();
    let unpacked = unpacked.map_err(|why| format!("its base64 {why}"))?;
    let bytes = unpacked.as_deref().unwrap_or(file);
    let text = std::str::from_utf8(bytes).map_err(|_| "is no text in UTF-8")?;
    let initdata: Initdata = toml_text::read_unplaced(text).map_err(|why| {
        format!("is no initdata: TOML with algorithm and version is wanted: {why}")
    })?;
    let digest = match initdata.algorithm.as_str() {
        "sha256" => Sha256::digest(bytes).to_vec(),
        "sha384" => Sha384::digest(bytes).to_vec(),
        "sha512" => Sha512::digest(bytes).to_vec(),
        other => return Err(format!("algorithm = {other:?}; there are sha256, sha384 and sha512")),
    };
    if initdata.version != "0.1.0" {
        return Err(format!("version = {:?}; 0.1.0 is known", initdata.version));
    }
    let mut rpv = [0; 64];
    rpv[..digest.len()].copy_from_slice(&digest);
    Ok(rpv)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::encoding::text::base64;

    const TOML: &[u8] = b"algorithm = \"sha256\"\nversion = \"0.1.0\"\n\n[data]\n\"a\" = \"b\"\n";

    #[test]
    fn the_digest_is_filled_up() {
        let rpv = personalization_value(TOML).expect("initdata");
        assert_eq!(rpv[..32], Sha256::digest(TOML)[..]);
        assert_eq!(rpv[32..], [0; 32]);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(TOML).expect("memory");
        let annotation = base64(&encoder.finish().expect("memory"));
        assert_eq!(personalization_value(annotation.as_bytes()), Ok(rpv));
        let longest = String::from_utf8_lossy(TOML).replace("sha256", "sha512");
        let rpv = personalization_value(longest.as_bytes()).expect("initdata");
        assert_eq!(rpv, <[u8; 64]>::from(Sha512::digest(longest.as_bytes())));
    }

    #[test]
    fn what_is_no_initdata_says_why() {
        for (text, why) in [
            ("", "is no initdata: TOML with algorithm and version"),
            ("algorithm = \"md5\"\nversion = \"0.1.0\"", "algorithm = \"md5\"; there are"),
            ("algorithm = \"sha256\"\nversion = \"9\"", "version = \"9\"; 0.1.0 is known"),
        ] {
            let error = personalization_value(text.as_bytes()).expect_err(text);
            assert!(error.starts_with(why), "{error}");
        }
    }
}

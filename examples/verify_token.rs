//! An attestation token: read strictly, its signature and its binding checked, its RIM compared.

use std::error::Error;

use rimsim::evidence::{Accept, Asked, Expectation, Target, Token, Verdict, compare};

fn main() -> Result<(), Box<dyn Error>> {
    let bytes = include_bytes!("../spec-vectors/scripts/token.cbor");
    let token = Token::read(bytes, Accept::default())?;
    token.check_realm_signature()?;
    assert!(token.is_bound(), "the platform token vouches for the Realm's key");
    // Whether the platform can be trusted is for `check_platform_signature`, with its key.

    let rim =
        Target::from_text("b1f9e7b01fad760892cd9b5102ed0efd6ee10b18b6f04dffce19572fa59f03d9")?.rim;
    let released = [Expectation::of_rim("release 1", rim.as_bytes().to_vec())];
    let found =
        compare(&token.realm_claims, &released, &Asked::default()).expect("something is expected");
    assert!(found.is_match());
    for row in found.rows.iter().filter(|row| row.verdict == Verdict::Equal) {
        println!("{}: as expected", row.what);
    }
    Ok(())
}

//! Tokens are made by whom the World was given, or not at all.

use std::sync::Arc;

use super::*;
use crate::measure::claims::{Claims, TokenMaker};

/// Writes the challenge down, and signs nothing.
#[derive(Debug)]
struct Echo;

impl TokenMaker for Echo {
    fn token(&self, claims: &Claims, _: &[u8; 48]) -> Vec<u8> {
        claims.challenge[..3].to_vec()
    }
}

/// A Realm that asks for a token, fetches it, and fetches once more.
const ASKS: &str = "platform \"small\"
    rtt auto
    let ram = 0x8000_0000
    image words = fill 8KiB seed=1
    let rd = auto
    REALM_CREATE rd=rd params_ptr=RealmParams { s2sz=40, num_bps=1, num_wps=1, hash_algo=sha256,
        rtt_base=auto, rtt_level_start=1, rtt_num_start=2 }
    RTT_INIT_RIPAS rd=rd base=ram top=ram+8MiB all
    DATA_CREATE rd=rd ipa=ram image=words flags=measure
    let boot = auto
    REC_CREATE rd=rd rec=boot params_ptr=RecParams { flags=runnable, pc=ram, aux=auto }
    REALM_ACTIVATE rd=rd
    guest boot {
        smc RSI_ATTESTATION_TOKEN_INIT 0x636261
        smc RSI_ATTESTATION_TOKEN_CONTINUE ram 0 4KiB
        smc RSI_ATTESTATION_TOKEN_CONTINUE ram 0 4KiB
        mload ram 4
        irq
    }
    serve rec=boot IRQ
    expect guest boot \"smc 0 0x0 0x1000 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0\"
    expect guest boot \"smc 2 0x2 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0\"\n";

fn expect(world: fn(Platform, Profile) -> World, seen: &str) {
    let text = format!("{ASKS}expect guest boot \"{seen}\"");
    let script = loaded(&text).unwrap_or_else(|error| panic!("{error}"));
    play_in(world, script, false).result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn without_a_maker_the_rmm_fails_as_it_may() {
    expect(World::without_tokens, "smc 1 0x4 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0");
}

#[test]
fn a_token_is_what_its_maker_says() {
    let world = |platform, profile| World::with_token_maker(platform, profile, Arc::new(Echo));
    expect(world, "smc 1 0x0 0x3 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0");
    let in_memory = loaded(&ASKS.replace("smc 0 0x0 0x1000", "smc 0 0x1 0x1000")).unwrap();
    assert!(play_in(world, in_memory, false).result.is_err(), "the expectations are looked at");
}

#[test]
fn a_new_world_has_tokens_with_the_feature() {
    let made = !cfg!(feature = "evidence");
    let text =
        format!("{ASKS}expect guest boot \"smc 1 0x4 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0\"");
    assert_eq!(play(&text).result.is_ok(), made);
}

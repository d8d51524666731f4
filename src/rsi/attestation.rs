//! RSI_ATTESTATION_TOKEN_INIT and RSI_ATTESTATION_TOKEN_CONTINUE.

use super::{Caller, Outcome};
use crate::abi::addr::{PAGE_SIZE, is_aligned};
use crate::abi::rsi::result;
use crate::measure::claims::Claims;
use crate::model::rec::Attest;

/// The upper bound of a token's length that INIT answers: one page.
const MAX_TOKEN_BYTES: u64 = PAGE_SIZE;

pub(super) fn init(caller: &mut Caller<'_>) -> Outcome {
    let mut challenge = [0; 64];
    for (bytes, gpr) in challenge.chunks_exact_mut(8).zip(&caller.rec().gprs[1..9]) {
        bytes.copy_from_slice(&gpr.to_le_bytes());
    }
    let rd = caller.world.granules.pa(caller.rec().owner);
    let mut instance_id = [0; 33];
    instance_id[0] = 1;
    instance_id[25..].copy_from_slice(&rd.0.to_be_bytes());
    let realm = caller.realm_mut();
    let claims = Claims {
        challenge,
        rpv: realm.rpv,
        rim: realm.log.rim(),
        rems: realm.rems,
        instance_id,
        has_private_mec: realm.private_mec.is_some(),
    };
    caller.rec_mut().attest = Attest::Asked(Box::new(claims));
    caller.answer(result::SUCCESS, [MAX_TOKEN_BYTES, 0, 0])
}

pub(super) fn go_on(caller: &mut Caller<'_>) -> Outcome {
    let (ipa, offset, size) = (caller.reg(1), caller.reg(2), caller.reg(3));
    let end = offset.checked_add(size);
    let fits = offset < PAGE_SIZE && end.is_some_and(|end| end <= PAGE_SIZE);
    if !is_aligned(ipa, PAGE_SIZE) || !fits || !caller.realm().rtt.is_protected(ipa) {
        return caller.input_error();
    }
    if caller.rec().attest == Attest::Idle {
        return caller.answer(result::ERROR_STATE, [0; 3]);
    }
    let (granule, page) = match caller.place(ipa) {
        Ok(place) => place,
        Err(missing) => return caller.missing(&missing),
    };
    let (token, done) = match std::mem::take(&mut caller.rec_mut().attest) {
        Attest::Idle => unreachable!("it was not idle"),
        Attest::Asked(claims) => match caller.world.token_of(&claims) {
            Some(token) => (token, 0),
            None => return caller.answer(result::ERROR_UNKNOWN, [0; 3]),
        },
        Attest::Fetching { token, done } => (token, done),
    };
    let rest = &token[done..];
    let piece = &rest[..rest.len().min(usize::try_from(size).expect("at most a page"))];
    let offset = page + usize::try_from(offset).expect("less than a page");
    caller.world.memory.store(granule, offset, piece);
    let (written, done) = (piece.len() as u64, done + piece.len());
    if done == token.len() {
        caller.realm_mut().token = Some(token);
        return caller.answer(result::SUCCESS, [written, 0, 0]);
    }
    caller.rec_mut().attest = Attest::Fetching { token, done };
    caller.answer(result::INCOMPLETE, [written, 0, 0])
}

//! What a lock expects of a token.

use super::file::LockFile;
use super::fleet::{FleetLock, Row};
use crate::evidence::Expectation;
use crate::measure::rim::Measurement;

/// Realms that a lock knows, and what nobody looked at again.
pub(crate) struct LockedRealms {
    pub(crate) realms: Vec<Expectation>,
    pub(crate) not_verified: Vec<String>,
}

/// Whether a text is a lock, right or wrong.
pub(crate) fn is_lock(text: &str) -> bool {
    FleetLock::is_one(text) || text.lines().any(|line| line.trim_end() == "[rim]")
}

/// The Realms of the lock that is called `name`: its one, or a table's rows that have a RIM.
///
/// # Errors
/// In words that begin with line and column, if the text is no lock.
pub(crate) fn locked_realms(name: &str, text: &str) -> Result<LockedRealms, String> {
    let of = |name: String, rim: &Measurement| {
        let mut realm = Expectation::of_rim(name, rim.as_bytes().to_vec());
        realm.hash_algo = Some(rim.algo());
        realm
    };
    let (realms, assumed) = if FleetLock::is_one(text) {
        let lock = FleetLock::read(text)?;
        let rows = lock.named_rows();
        let realm =
            |(row, made): (String, &Row)| Some(of(format!("{name}:{row}"), &made.measurement()?));
        let realms = rows.filter_map(realm).collect();
        (realms, lock.matrix.assumed)
    } else {
        let lock = LockFile::read(text)?;
        let mut realm = of(name.to_owned(), &lock.rim.measurement());
        if let Some(chain) = &lock.chain {
            realm.rems = chain.rem_bytes().map(|rem| Some(rem.to_vec()));
        }
        let around = lock.surroundings();
        (vec![realm], around.map_or_else(Vec::new, |around| around.assumed.to_vec()))
    };
    let again = format!("that {name} is right: `rimsim check` measures its inputs again");
    let assumed = assumed.into_iter().map(|one| format!("what {name} assumes: {one}"));
    Ok(LockedRealms { realms, not_verified: [again].into_iter().chain(assumed).collect() })
}

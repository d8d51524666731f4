//! An observer of one's own: counts the commands that a Host issues, and those that were refused.

use std::collections::BTreeMap;

use rimsim::session::{Observer, Record, Session, Step};
use rimsim::{Host, HostError, Ipa, Platform, Profile, World};

#[derive(Default)]
struct Counter(BTreeMap<&'static str, (u32, u32)>);

impl Observer for Counter {
    fn observe(&mut self, _: &Step, record: &Record, _: &World) {
        let Some(outcome) = &record.outcome else { return };
        let Some(command) = outcome.command() else { return };
        let (calls, refused) = self.0.entry(command.info().name).or_default();
        *calls += 1;
        *refused += u32::from(!outcome.is_success());
    }
}

fn main() -> Result<(), HostError> {
    let mut counter = Counter::default();
    let mut session = Session::new(World::new(Platform::default(), Profile::TF_RMM));
    session.observe(&mut counter);
    let mut host = Host::on(session);
    let rd = host.create_realm(&host.realm_params())?;
    host.init_ripas(rd, Ipa(0x8000_0000)..Ipa(0x8020_0000))?;
    host.populate(rd, Ipa(0x8000_0000), &[0xA5; 8192])?;
    host.populate(rd, Ipa(0x8000_1000), b"again").expect_err("there is something already");
    drop(host);

    println!("{:#?}", counter.0);
    assert_eq!(counter.0["REALM_CREATE"], (1, 0));
    assert_eq!(counter.0["DATA_CREATE"], (4, 2));
    Ok(())
}

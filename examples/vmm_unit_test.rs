//! A VMM's unit test: build a Realm as the VMM would, compare its RIM with the one that was
//! released, and see which condition refuses what comes too late.

use rimsim::{Host, HostError, Ipa, Platform, Profile, World};

fn main() -> Result<(), HostError> {
    let mut host = Host::new(World::new(Platform::default(), Profile::TF_RMM));
    let (ram, kernel) = (Ipa(0x8000_0000), Ipa(0x8020_0000));

    let rd = host.create_realm(&host.realm_params().s2sz(33))?;
    host.init_ripas(rd, ram..Ipa(0x8800_0000))?;
    host.populate(rd, kernel, b"the kernel's bytes")?;
    host.create_rec(rd, &host.rec_params().runnable().pc(kernel.0))?;
    host.activate(rd)?;

    let rim = host.rim(rd).expect("there is a Realm");
    assert_eq!(rim.to_string(), "aa7dc36d01f30d35458f45d9456e4509ab0f73990144b4bd97b89ae43e4e4dbf");

    let late = host.populate(rd, Ipa(0x8030_0000), b"late").expect_err("it is active");
    assert_eq!(late.condition(), Some("realm_state"));
    println!("{rim}\n{late}");
    Ok(())
}

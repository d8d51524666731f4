//! RealmParams and RecParams: what is written is what the RMM reads, and what was recorded can be
//! written again.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rimsim::abi::params::{MAX_REC_AUX, REC_CREATE_GPRS};
use rimsim::session::{Action, Session};
use rimsim::{
    Command, Edition, FieldError, HashAlgo, Level, Pa, Profile, RealmParams, RecParams, World,
    vector,
};

use crate::small_machine::{REC_FIELDS, realm_fields};

/// The profiles whose reading of small fields is the layout's: 8 bits in 1.0, 32 in 2.0.
const READERS: [Profile; 2] = [Profile::SPEC, Profile::TF_RMM_2];

fn realm_params(edition: Edition) -> impl Strategy<Value = RealmParams> {
    let wide = edition == Edition::V2;
    let small = move || any::<u32>().prop_map(move |n| u64::from(if wide { n } else { n & 0xFF }));
    let newer = move || any::<u64>().prop_map(move |n| if wide { n } else { 0 });
    let plane = move || any::<u32>().prop_map(move |n| u64::from(if wide { n } else { 0 }));
    let first = (any::<u64>(), small(), small(), small(), small(), small(), any::<u8>());
    let rpv = prop::array::uniform32(any::<u8>()).prop_map(|half| [half; 2]);
    let second = (rpv, any::<u16>(), plane(), newer(), newer(), any::<u64>(), any::<u64>());
    let aux = prop::array::uniform3(newer());
    let third = (any::<u32>(), aux);
    (first, second, third).prop_map(move |(first, second, (rtt_num_start, aux_rtt_base))| {
        let (flags, s2sz, sve_vl, num_bps, num_wps, pmu_num_ctrs, hash_algo) = first;
        let (rpv, vmid, num_aux_planes, ats_plane, flags1, rtt_base, rtt_level_start) = second;
        RealmParams {
            flags,
            s2sz,
            sve_vl,
            num_bps,
            num_wps,
            pmu_num_ctrs,
            hash_algo,
            rpv: rpv.concat().try_into().expect("64 bytes"),
            vmid: if wide { 0 } else { vmid },
            num_aux_planes,
            ats_plane,
            flags1,
            rtt_base,
            rtt_level_start,
            rtt_num_start,
            aux_rtt_base,
        }
    })
}

proptest! {
    #[test]
    fn realm_params_come_back(
        old in realm_params(Edition::V1), new in realm_params(Edition::V2)
    ) {
        for (params, profile) in [old, new].iter().zip(READERS) {
            let page = params.to_builder(profile.edition()).page().expect("it fits");
            prop_assert_eq!(&RealmParams::read(&page, profile), params);
        }
    }

    #[test]
    fn rec_params_come_back(
        flags in any::<u64>(), mpidr in any::<u64>(), pc in any::<u64>(), num_aux in any::<u64>(),
        gprs in prop::array::uniform8(any::<u64>()), aux in prop::array::uniform16(any::<u64>()),
    ) {
        let params = RecParams { flags, mpidr, pc, gprs, num_aux, aux };
        let page = params.to_builder(Edition::V1).page().expect("it fits");
        prop_assert_eq!(RecParams::read(&page), params.clone());
        let none = RecParams { num_aux: 0, aux: [0; MAX_REC_AUX], ..params };
        let page = none.to_builder(Edition::V2).page().expect("it fits");
        prop_assert_eq!(RecParams::read(&page), none);
    }

    /// Each field lies where the tables of the tests have it, and nothing else is written.
    #[test]
    fn a_field_is_its_bytes_and_no_others(
        value in any::<u64>(),
        pick in any::<prop::sample::Index>(),
    ) {
        for edition in Edition::ALL {
            let fields = realm_fields(edition);
            let (name, offset, width) = fields[pick.index(fields.len())];
            // Bytes, and elements of an array.
            if name == "rpv" || name.starts_with("aux_rtt_base") {
                continue;
            }
            let low = if width == 8 { value } else { value & ((1 << (8 * width)) - 1) };
            let zero = |name: &str| fields.iter().any(|(field, ..)| *field == name);
            let names = ["rtt_base", "s2sz", "num_bps", "num_wps", "rtt_level_start"];
            let empty = names.into_iter().chain(["rtt_num_start", "vmid"]);
            let empty = empty.filter(|name| zero(name));
            let empty = empty.fold(RealmParams::builder(edition), |b, name| b.field(name, 0));
            let page = empty.field(name, low).page().expect("it fits");
            let mut expected = [0; 4096];
            expected[offset..offset + width].copy_from_slice(&value.to_le_bytes()[..width]);
            prop_assert_eq!(page, expected, "{}", name);
        }
    }
}

#[test]
fn defaults_are_a_realm_that_every_machine_takes() {
    for edition in Edition::ALL {
        let page = RealmParams::builder(edition).rtt_base(Pa(0x8000_0000)).page().unwrap();
        let number = |name: &str| {
            let found = realm_fields(edition).iter().find(|(field, ..)| *field == name);
            let (_, offset, width) = found.unwrap();
            page[*offset..offset + width].iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))
        };
        for (name, value) in [
            ("flags", 0),
            ("s2sz", 40),
            ("num_bps", 1),
            ("num_wps", 1),
            ("hash_algo", 0),
            ("rtt_base", 0x8000_0000),
            ("rtt_level_start", 1),
            ("rtt_num_start", 2),
        ] {
            assert_eq!(number(name), value, "{name}");
        }
        if edition == Edition::V1 {
            assert_eq!(number("vmid"), 1);
        }
    }
    for (s2sz, level, tables) in [(32, 2, 4), (39, 1, 1), (42, 1, 8), (48, 0, 1), (52, 0, 16)] {
        let params = RealmParams::builder(Edition::V1).s2sz(s2sz).rtt_base(Pa(0));
        let read = RealmParams::read(&params.page().unwrap(), Profile::TF_RMM);
        assert_eq!((read.rtt_level_start, read.rtt_num_start), (level, tables), "{s2sz}");
    }
}

#[test]
fn what_names_a_feature_sets_its_flag() {
    let params = RealmParams::builder(Edition::V1).lpa2().sve(3).pmu(6).hash_algo(HashAlgo::Sha512);
    let params = params.rpv(b"owner").vmid(7).rtt_base(Pa(0x1000)).rtt_level_start(Level::PAGE);
    let read = RealmParams::read(&params.page().unwrap(), Profile::TF_RMM);
    assert_eq!((read.flags, read.sve_vl, read.pmu_num_ctrs), (0b111, 3, 6));
    assert_eq!((read.hash_algo, read.vmid, read.rtt_level_start), (1, 7, 3));
    assert_eq!((&read.rpv[..6], read.rtt_base), (&b"owner\0"[..], 0x1000));

    let params = RecParams::builder(Edition::V1).runnable().gpr(7, 9);
    let params = params.aux(&[Pa(0x1000), Pa(0x2000)]);
    let read = RecParams::read(&params.page().unwrap());
    assert_eq!((read.flags, read.gprs[REC_CREATE_GPRS - 1], read.num_aux), (1, 9, 2));
    assert_eq!(read.aux[..3], [0x1000, 0x2000, 0]);
}

#[test]
fn what_does_not_fit_is_said_with_the_field() {
    let [v1, v2] = Edition::ALL;
    let realm = |edition| RealmParams::builder(edition).rtt_base(Pa(0));
    let rec = RecParams::builder;
    let long = [0; 65];
    for (page, text) in [
        (realm(v1).s2sz(256).page(), "s2sz has 8 bits, and 0x100 has more"),
        (realm(v2).s2sz(1 << 32).page(), "s2sz has 32 bits, and 0x100000000 has more"),
        (realm(v1).flags1(0).page(), "RealmParams of RMM 1.0 has no field flags1"),
        (realm(v2).vmid(1).page(), "RealmParams of RMM 2.0 has no field vmid"),
        (realm(v1).field("s2sx", 0).page(), "RealmParams of RMM 1.0 has no field s2sx"),
        (realm(v1).rpv(&long).page(), "rpv has 64 bytes; these are 65"),
        (realm(v1).field("rpv", 0).page(), "rpv takes bytes, not a number"),
        (RealmParams::builder(v1).page(), "rtt_base has no default, and was not set"),
        (rec(v1).gpr(8, 0).page(), "gprs has 8 elements; there is none with the index 8"),
        (rec(v1).aux(&[Pa(0); 17]).page(), "aux has 16 elements; there is none with the index 16"),
        (rec(v2).aux(&[Pa(0)]).page(), "RecParams of RMM 2.0 has no field aux"),
        (rec(v2).num_aux(1).page(), "RecParams of RMM 2.0 has no field num_aux"),
        // The first counts.
        (realm(v1).num_bps(256).num_wps(256).page(), "num_bps has 8 bits, and 0x100 has more"),
    ] {
        assert_eq!(page.unwrap_err().to_string(), text);
    }
    assert!(rec(v2).aux(&[]).page().is_ok(), "none is none");
    assert!(matches!(realm(v1).s2sz(256).page(), Err(FieldError::Width { bits: 8, .. })));
}

fn vectors(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { vectors(&path) } else { vec![path] }).collect()
}

/// The bytes of a page that are of a field.
fn fields_of(page: &[u8; 4096], fields: impl Iterator<Item = (usize, usize)>) -> [u8; 4096] {
    let mut only = [0; 4096];
    for (offset, len) in fields {
        only[offset..offset + len].copy_from_slice(&page[offset..offset + len]);
    }
    only
}

/// Every structure that a recorded Host wrote is written again from the values that were read in
/// it: the same bytes.
#[test]
fn what_was_recorded_is_written_again() {
    for (edition, folder) in Edition::ALL.into_iter().zip(["rmm-1.0", "rmm-2.0"]) {
        let (mut realms, mut recs) = (0, 0);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors").join(folder);
        for path in vectors(&root).iter().filter(|path| path.extension().unwrap() == "json") {
            let text = std::fs::read(path).unwrap();
            let vector = vector::read(&path.display().to_string(), &text).unwrap();
            let reader = READERS[usize::from(edition == Edition::V2)];
            let profile = Profile::TF_RMM.in_edition(edition);
            let mut session = Session::new(World::new(vector.platform.clone(), profile));
            for step in vector.steps() {
                if let Action::Call(regs) = &step.action {
                    let pages = structure(session.world(), Command::decode(regs, edition));
                    let what = format!("{} {}", path.display(), step.place);
                    match pages {
                        Some((true, page)) => {
                            let params = RealmParams::read(&page, reader).to_builder(edition);
                            let read = realm_fields(edition).iter().map(|(name, offset, width)| {
                                (*offset, if *name == "rpv" { 64 } else { *width })
                            });
                            assert_eq!(params.page().unwrap(), fields_of(&page, read), "{what}");
                            realms += 1;
                        }
                        Some((false, page)) => {
                            // In 2.0 what 1.0 has behind the registers is no field.
                            let end = if edition == Edition::V1 { 0x888 } else { 0x340 };
                            let mut known = page;
                            known[end..].fill(0);
                            let read = REC_FIELDS.iter().map(|(_, at, width)| (*at, *width));
                            let read = read.chain([(0x300, 64), (0x808, 128)]);
                            let params = RecParams::read(&known).to_builder(edition);
                            assert_eq!(params.page().unwrap(), fields_of(&known, read), "{what}");
                            recs += 1;
                        }
                        None => {}
                    }
                }
                let _ = session.step(&step);
            }
        }
        assert!(realms > 400 && recs > 200, "{folder}: {realms} Realms, {recs} RECs");
    }
}

/// The structure that a command reads, and whether it is a Realm's.
fn structure(world: &World, command: Option<Command>) -> Option<(bool, [u8; 4096])> {
    let (realm, pa) = match command? {
        Command::RealmCreate { params_ptr, .. } => (true, params_ptr),
        Command::RecCreate { params_ptr, .. } => (false, params_ptr),
        Command::RecCreateBegin { params_ptr, .. } => (false, params_ptr),
        _ => return None,
    };
    let page = world.host_page(pa).ok().filter(|_| pa % 0x1000 == 0)?;
    Some((realm, page.with_bytes(|bytes| *bytes)))
}

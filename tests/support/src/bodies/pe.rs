//! The target `pe`: bytes as what firmware reads from disks and variables.

use rimsim::boot::efi::load_option::LoadOption;
use rimsim::boot::efi::variable::{self, Variable};
use rimsim::boot::efi::{device_path, gpt, utf16};
use rimsim::boot::pe::Pe;
use rimsim::measure::rim::HashAlgo;

/// A PE image has one digest; what was read of variables and paths gives its bytes again.
pub fn run(data: &[u8]) {
    if let Ok(pe) = Pe::read(data) {
        let digest = || pe.authenticode(HashAlgo::Sha256);
        assert_eq!(digest(), digest());
        for section in pe.sections().iter().take(64) {
            if let Ok(loaded) = pe.loaded(section) {
                assert!(loaded.bytes.len() <= data.len());
            }
        }
    }
    if let Ok(event) = gpt::event_data(data) {
        assert!(gpt::shown(&event).is_some());
    }
    let _ = (gpt::shown(data), utf16::shown(data));
    assert_eq!(device_path::from_text(&device_path::text(data)).as_deref(), Ok(data));
    if let Ok(option) = LoadOption::read(data) {
        assert_eq!(option.bytes().as_deref(), Some(data));
        let _ = option.to_string();
    }
    if let Some(found) = Variable::read(data)
        && let Some(name) = utf16::text(found.name)
    {
        assert_eq!(variable::data(found.guid, &name, found.value), data);
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(path) = device_path::from_text(text)
    {
        assert_eq!(device_path::from_text(&device_path::text(&path)), Ok(path));
    }
}

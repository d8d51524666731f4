//! Images that VMMs made, each once: a device tree, or what a packed kernel holds. Thousands of
//! candidates make the same, and have no room for a copy each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use sha2::{Digest as _, Sha256};

use crate::abi::addr::GRANULE_LEN;
use crate::measure::image::Image;

/// Bytes of images that are kept at a time. What is more is made again.
const MOST_BYTES: u64 = 256 << 20;

static ZEROS: [u8; GRANULE_LEN] = [0; GRANULE_LEN];

/// Images by what is in them.
#[derive(Debug, Default)]
pub(super) struct Made(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By their bytes' hash and their name.
    images: BTreeMap<([u8; 32], String), Arc<Image>>,
    /// The last one of a name and a length, which is most often the next one as well.
    last: BTreeMap<(String, u64), Arc<Image>>,
    len_bytes: u64,
}

impl Made {
    /// Lets an image be the one that is known with these bytes. Granules of zeros at its end are
    /// left out: what lies past the end of an image reads as zero.
    pub(super) fn share(&self, image: &mut Arc<Image>) {
        let bytes = image.bytes_from(0);
        let bytes = &bytes[..len_without_zeros(bytes)];
        let kind = (image.name().to_owned(), bytes.len() as u64);
        let known = || self.0.lock().expect("nobody panics with images");
        let last = known().last.get(&kind).cloned();
        if let Some(last) = last.filter(|last| last.bytes_from(0) == bytes) {
            *image = last;
            return;
        }
        let key = (Sha256::digest(bytes).into(), image.name().to_owned());
        let mut known = known();
        let found = known.images.get(&key).cloned().unwrap_or_else(|| {
            known.len_bytes += kind.1;
            let is_whole = kind.1 == image.len_bytes();
            let new = || Arc::new(Image::from_bytes(image.name(), bytes.to_vec()));
            let kept = if is_whole { Arc::clone(image) } else { new() };
            known.images.insert(key, Arc::clone(&kept));
            kept
        });
        known.last.insert(kind, Arc::clone(&found));
        drop(known);
        *image = found;
    }

    /// Whether there are as many as are kept.
    pub(super) fn is_full(&self) -> bool {
        self.0.lock().expect("nobody panics with images").len_bytes >= MOST_BYTES
    }
}

/// How many bytes are left of an image without granules of zeros at its end; at least one granule.
fn len_without_zeros(bytes: &[u8]) -> usize {
    let mut granules = bytes.chunks(GRANULE_LEN);
    // Compared as wholes: builds without optimisation go through bytes one by one.
    let used = granules.rposition(|granule| *granule != ZEROS[..granule.len()]);
    ((used.unwrap_or(0) + 1) * GRANULE_LEN).min(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_is_one() {
        let made = Made::default();
        let share = |name: &str, bytes: &[u8]| {
            let mut image = Arc::new(Image::from_bytes(name, bytes.to_vec()));
            made.share(&mut image);
            image
        };
        let long = [&[7; 5000][..], &[0; 9000]].concat();
        let (one, other) = (share("dtb", &long), share("dtb", &[8; 5000]));
        assert_eq!(one.len_bytes(), 8192, "granules of zeros are left out");
        assert_eq!(one.bytes_from(0), &long[..8192]);
        for _ in 0..2 {
            assert!(Arc::ptr_eq(&one, &share("dtb", &long)));
            assert!(Arc::ptr_eq(&other, &share("dtb", &[8; 5000])));
        }
        assert!(!Arc::ptr_eq(&one, &share("kernel", &long)), "a name is a part of it");
        assert_eq!(share("zeros", &[0; 9000]).len_bytes(), 4096);
        assert_eq!(share("none", &[]).len_bytes(), 0);
        assert!(!made.is_full());
        made.0.lock().expect("a lock").len_bytes = MOST_BYTES;
        assert!(made.is_full());
    }
}

//! The images of a script: files, made images, and slices of both.

use std::sync::Arc;

use crate::abi::addr::PAGE_SIZE;
use crate::measure::image::Image;
use crate::measure::page::{Page, seed_after};
use crate::session::Action;

/// Bytes that can be shown in a page. Made images are never held in memory as a whole.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    bytes: Bytes,
    offset: u64,
    len_bytes: u64,
}

#[derive(Clone, Debug)]
enum Bytes {
    Image(Arc<Image>),
    Zeros,
    /// Zeros in the place of what nobody knows.
    Unknown,
    Fill {
        seed: u64,
    },
}

impl Picture {
    pub(super) fn image(image: Arc<Image>) -> Self {
        let len_bytes = image.len_bytes();
        Self { bytes: Bytes::Image(image), offset: 0, len_bytes }
    }

    pub(super) fn zeros(len_bytes: u64) -> Self {
        Self { bytes: Bytes::Zeros, offset: 0, len_bytes }
    }

    pub(super) fn unknown(len_bytes: u64) -> Self {
        Self { bytes: Bytes::Unknown, offset: 0, len_bytes }
    }

    /// Whether anybody knows of what is shown, if only by its digests.
    pub(super) fn is_known(&self) -> bool {
        !matches!(self.bytes, Bytes::Unknown)
    }

    pub(super) fn fill(len_bytes: u64, seed: u64) -> Self {
        Self { bytes: Bytes::Fill { seed }, offset: 0, len_bytes }
    }

    /// Length in bytes.
    pub(super) fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// The bytes `from..to`, or why there is no such slice.
    pub(super) fn slice(&self, from: u64, to: u64) -> Result<Self, String> {
        if from >= to || to > self.len_bytes {
            let len = self.len_bytes;
            return Err(format!("{from}..{to} is no part of the image, which has {len} bytes"));
        }
        if matches!(&self.bytes, Bytes::Image(image) if !image.is_known()) {
            return Err("of this image only digests are known: it can not be cut".into());
        }
        let offset = self.offset + from;
        if matches!(self.bytes, Bytes::Fill { .. }) && !offset.is_multiple_of(8) {
            return Err("slices of a `fill` begin at multiples of 8".into());
        }
        Ok(Self { bytes: self.bytes.clone(), offset, len_bytes: to - from })
    }

    /// Pieces of `size_bytes` that hold the image; the last one may be zero at its end.
    pub(super) fn count(&self, size_bytes: u64) -> u64 {
        self.len_bytes.div_ceil(size_bytes)
    }

    /// The image, and where in it page `number` begins, if all of the page's bytes are there.
    pub(super) fn whole_page(&self, number: u64) -> Option<(&Arc<Image>, u64)> {
        let start = number * PAGE_SIZE;
        let whole = self.len_bytes.checked_sub(start)? >= PAGE_SIZE;
        match &self.bytes {
            Bytes::Image(image) if whole => Some((image, self.offset + start)),
            _ => None,
        }
    }

    /// Page `number`, as [`Picture::show`] has it in memory, and how many from it on have all of
    /// their bytes; `None` if it has not, or nobody knows them.
    pub(super) fn whole_row(&self, number: u64) -> Option<(Page, u64)> {
        let offset = self.offset + number * PAGE_SIZE;
        let count = (self.len_bytes / PAGE_SIZE).checked_sub(number).filter(|count| *count > 0)?;
        let first = match &self.bytes {
            Bytes::Image(image) => Page::Image { image: Arc::clone(image), offset },
            Bytes::Zeros => Page::Zero,
            Bytes::Fill { seed } => Page::stream(*seed, offset),
            Bytes::Unknown => return None,
        };
        Some((first, count))
    }

    /// Whether whole pages are shown by the session itself, without an action.
    pub(super) fn is_image(&self) -> bool {
        matches!(self.bytes, Bytes::Image(_))
    }

    /// What the Host does to have page `number` of the image at `pa`. A page past the image's end
    /// is zero.
    pub(super) fn show(&self, number: u64, pa: u64) -> impl Iterator<Item = Action> + use<> {
        let start = number * PAGE_SIZE;
        let offset = self.offset + start;
        let len_bytes = self.len_bytes.saturating_sub(start).min(PAGE_SIZE);
        let whole = len_bytes == PAGE_SIZE;
        let (first, then) = match &self.bytes {
            _ if len_bytes == 0 => (Action::Zero { pa, len_bytes: PAGE_SIZE }, None),
            Bytes::Zeros | Bytes::Unknown => (Action::Zero { pa, len_bytes: PAGE_SIZE }, None),
            Bytes::Fill { seed } => {
                let seed = seed_after(*seed, offset / 8);
                let fill = Action::Fill { pa, len_bytes, seed };
                if whole {
                    (fill, None)
                } else {
                    (Action::Zero { pa, len_bytes: PAGE_SIZE }, Some(fill))
                }
            }
            // What follows a slice in its image is not part of the slice.
            Bytes::Image(image) if !whole && offset + len_bytes < image.len_bytes() => {
                let len = usize::try_from(len_bytes).expect("less than a page");
                let bytes = image.bytes_from(offset)[..len].to_vec();
                (Action::Page { pa, data: vec![(0, bytes)] }, None)
            }
            Bytes::Image(image) => {
                let image = Arc::clone(image);
                (Action::Image { pa, image, offset, count_granules: 1 }, None)
            }
        };
        std::iter::once(first).chain(then)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::platform::Platform;
    use crate::abi::profile::Profile;
    use crate::model::world::World;
    use crate::session::{Place, Session, Step};

    /// The bytes of a picture, as a Host sees them.
    fn bytes(picture: &Picture) -> Vec<u8> {
        let mut session =
            Session::new(World::new(Platform::preset("small").unwrap(), Profile::TF_RMM));
        let base = 0x8000_0000;
        for number in 0..picture.count(PAGE_SIZE) {
            for action in picture.show(number, base + number * PAGE_SIZE) {
                assert_eq!(session.step(&Step::new(action, Place::file(""))).fault, None);
            }
        }
        session.world().host_read(base, picture.count(PAGE_SIZE) * PAGE_SIZE).unwrap()
    }

    #[test]
    fn slices_are_parts_of_the_whole_and_end_in_zeros() {
        let image = Image::from_bytes("", (0..9000_u32).map(|i| (i % 251) as u8).collect());
        for whole in [Picture::image(Arc::new(image)), Picture::fill(9000, 3), Picture::zeros(9000)]
        {
            let all = bytes(&whole);
            assert!(all[9000..].iter().all(|byte| *byte == 0));
            for (from, to) in [(0, 9000), (8, 9000), (4096, 8192), (16, 21), (4000, 8999)] {
                let mut expected = all[from..to].to_vec();
                expected.resize(expected.len().next_multiple_of(4096), 0);
                let slice = whole.slice(from as u64, to as u64).unwrap();
                assert_eq!(bytes(&slice), expected, "{from}..{to}");
            }
        }
    }

    #[test]
    fn slices_outside_are_refused() {
        let picture = Picture::zeros(100);
        for (from, to) in [(0, 101), (5, 5), (6, 5), (100, 100), (u64::MAX, u64::MAX)] {
            assert!(picture.slice(from, to).unwrap_err().contains("100 bytes"));
        }
        assert!(Picture::fill(100, 1).slice(4, 8).is_err());
        assert!(picture.slice(10, 90).unwrap().slice(0, 81).is_err());
    }
}

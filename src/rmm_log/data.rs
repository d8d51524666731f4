//! Which bytes a measured granule had: an attached image, or a hole with a name.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::options::At;
use super::vmm::{Own, VmmStep};
use super::{Call, Need};
use crate::abi::addr::{GRANULE_SIZE, is_aligned};
use crate::abi::params::DATA_MEASURE;
use crate::abi::ranges::Ranges;
use crate::script::statements::{self, decimal, hex, name, statement};
use crate::script::{ImageSource, Statement};

/// The images of a script.
#[derive(Debug)]
pub(super) struct Contents<'o> {
    attached: &'o [At],
    /// Where they stand: the end and the image, by the first IPA. Of two at one IPA the first
    /// counts, so that these do not overlap.
    places: BTreeMap<u64, (u64, usize)>,
    used: Vec<bool>,
    /// Measured IPAs that no image covers, half-open, ascending.
    holes: Vec<Range<u64>>,
    pieces: u32,
}

/// Where granules come from, and from which byte on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Attached {
        index: usize,
        offset: u64,
    },
    Hole {
        index: usize,
        offset: u64,
    },
    /// Not measured and not known; or what kvmtool left of its memory as it was.
    Zeros,
}

impl From {
    /// Whether `next` comes `count` granules later.
    pub(super) fn goes_on(self, next: Self, count: u64) -> bool {
        let later = |offset: u64| offset + count * GRANULE_SIZE;
        match (self, next) {
            (Self::Attached { index, offset }, Self::Attached { index: i, offset: next })
            | (Self::Hole { index, offset }, Self::Hole { index: i, offset: next }) => {
                index == i && later(offset) == next
            }
            (Self::Zeros, Self::Zeros) => true,
            _ => false,
        }
    }
}

impl<'o> Contents<'o> {
    /// Looks at what the calls measure, and what kvmtool says of it.
    pub(super) fn new(attached: &'o [At], calls: &[Cow<'_, Call>], vmm: &Own<'_>) -> Self {
        let (mut places, mut taken) = (BTreeMap::new(), Ranges::default());
        for (index, at) in attached.iter().enumerate() {
            for (base, top) in taken.gaps(at.ipa, at.end()) {
                places.insert(base, (top, index));
                taken.insert(base, top);
            }
        }
        let used = vec![false; attached.len()];
        let mut contents = Self { attached, places, used, holes: Vec::new(), pieces: 0 };
        let measured = calls.iter().filter(|call| call.is_success()).filter_map(|call| {
            let measured = call.arg("flags")? & DATA_MEASURE != 0;
            call.arg("ipa").filter(|ipa| measured && is_aligned(*ipa, GRANULE_SIZE))
        });
        let mut missing = Ranges::default();
        for ipa in measured {
            if let Some(end) = ipa.checked_add(GRANULE_SIZE) {
                missing.insert(ipa, end);
            }
        }
        for line in &vmm.steps {
            // Beside a file that is attached, kvmtool's memory is as it was.
            if let VmmStep::Populate(ipa) = &line.what
                && !attached.iter().any(|at| at.ipa < ipa.end && ipa.start < at.end())
            {
                missing.insert(ipa.start, ipa.end);
            }
        }
        attached.iter().for_each(|at| missing.remove(at.ipa, at.end()));
        contents.holes = missing.iter().map(|(start, end)| start..end).collect();
        contents
    }

    /// Where what stands at `ipa` ends, of a range that ends at `end`.
    pub(super) fn end_of(&self, ipa: u64, end: u64) -> u64 {
        let inside = self.places.range(..=ipa).next_back().map(|(_, (top, _))| *top);
        if let Some(top) = inside.filter(|top| ipa < *top) {
            return top.min(end);
        }
        let next = self.places.range(ipa..).next().map(|(base, _)| *base);
        let hole = self.holes.get(self.holes.partition_point(|hole| hole.end <= ipa));
        let hole = hole.map(|hole| if hole.contains(&ipa) { hole.end } else { hole.start });
        next.into_iter().chain(hole).fold(end, u64::min)
    }

    fn attached_at(&self, ipa: u64) -> Option<(usize, u64)> {
        let (_, (top, index)) = self.places.range(..=ipa).next_back()?;
        (ipa < *top).then(|| (*index, ipa - self.attached[*index].ipa))
    }

    /// What stood at `ipa`.
    pub(super) fn find(&mut self, ipa: u64, flags: u64) -> From {
        if let Some((index, offset)) = self.attached_at(ipa) {
            self.used[index] = true;
            return From::Attached { index, offset };
        }
        let after = self.holes.partition_point(|hole| hole.start <= ipa);
        let index = after.checked_sub(1).filter(|index| self.holes[*index].contains(&ipa));
        match index.filter(|_| flags & DATA_MEASURE != 0) {
            Some(index) => From::Hole { index, offset: ipa - self.holes[index].start },
            None => From::Zeros,
        }
    }

    /// A statement that defines the image for a run of granules, if it needs one, and its name.
    pub(super) fn piece(&mut self, from: From, count: u64) -> (Option<Statement>, String) {
        let len_bytes = count * GRANULE_SIZE;
        let (image, offset, image_len) = match from {
            From::Attached { index, offset } => {
                (image_name(index), offset, self.attached[index].len_bytes)
            }
            From::Hole { index, offset } => {
                let hole = &self.holes[index];
                (hole_name(hole), offset, hole.end - hole.start)
            }
            From::Zeros => (String::new(), 0, 0),
        };
        let end = (offset + len_bytes).min(image_len);
        if from != From::Zeros && offset == 0 && end == image_len {
            return (None, image);
        }
        self.pieces += 1;
        let piece = format!("piece_{}", self.pieces);
        let source = match from {
            From::Zeros => ImageSource::Zeros(decimal(len_bytes)),
            _ => ImageSource::Slice { image: name(&image), from: hex(offset), to: hex(end) },
        };
        (Some(statement(statements::image(&piece, source))), piece)
    }

    /// The definitions of the images that were used, and of the holes.
    pub(super) fn definitions(&self) -> impl Iterator<Item = Statement> + '_ {
        let file = |image: String, path: &str| {
            statement(statements::image(&image, ImageSource::File(name(path))))
        };
        let used = self.attached.iter().enumerate().filter(|(index, _)| self.used[*index]);
        let attached = used.map(move |(index, at)| file(image_name(index), &at.name));
        let holes = self.holes.iter().map(|hole| {
            let source = ImageSource::Unknown(decimal(hole.end - hole.start));
            statement(statements::image(&hole_name(hole), source))
        });
        attached.chain(holes)
    }

    /// Images that no call shows.
    pub(super) fn unused(&self) -> impl Iterator<Item = &At> {
        self.attached.iter().zip(&self.used).filter(|(_, used)| !**used).map(|(at, _)| at)
    }

    /// What the holes ask for.
    pub(super) fn needs(&self) -> impl Iterator<Item = Need> + '_ {
        self.holes.iter().map(|hole| Need::Contents { ipa: hole.clone(), file: hole_file(hole) })
    }
}

fn image_name(index: usize) -> String {
    format!("image_{}", index + 1)
}

fn hole_name(hole: &Range<u64>) -> String {
    format!("hole_{:x}", hole.start)
}

fn hole_file(hole: &Range<u64>) -> String {
    format!("hole_{:x}.bin", hole.start)
}

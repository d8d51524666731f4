//! An image's granules that are given to a Realm at once, as long as nobody looks on.

use super::command::Input;
use super::grammar::Answer;
use super::picture::Picture;
use super::player::Run;
use super::work::work_of;
use crate::abi::addr::{Ipa, PAGE_SIZE, Pa};
use crate::abi::args::{Data, Rd, Src};
use crate::abi::command::CommandInfo;
use crate::abi::granule_size::GranuleSize;
use crate::abi::status::Status;
use crate::rmi::{DataRow, RowSource};
use crate::session::Action;

/// A command over an image: granule `number` of `count` is next.
pub(super) struct OverImage<'c> {
    pub(super) info: &'static CommandInfo,
    pub(super) inputs: &'c [Input],
    pub(super) answer: Option<&'c Answer>,
    pub(super) picture: &'c Picture,
    pub(super) number: u64,
    pub(super) count: u64,
}

impl OverImage<'_> {
    /// What the next command has in an input that the script gives.
    fn value(&self, name: &str) -> Option<u64> {
        match self.input(name)? {
            Input::Value { first, stride } => Some(first + self.number * stride),
            Input::Auto { .. } | Input::Window(_) => None,
        }
    }

    fn input(&self, name: &str) -> Option<&Input> {
        let position = self.info.inputs.iter().position(|input| *input == name)?;
        self.inputs.get(position)
    }

    /// What each granule counts as, of what a script may do.
    fn work(&self, row: &DataRow, size: GranuleSize) -> u64 {
        let shown = Action::Zero { pa: 0, len_bytes: PAGE_SIZE };
        let shows = if self.picture.is_image() { 0 } else { work_of(&shown) * size.pages() };
        row.calls() + shows
    }

    /// Whether each command just has to succeed.
    fn has_to_succeed(&self) -> bool {
        self.answer.is_none_or(|answer| {
            let asks_more = answer.index.is_some() || !answer.outputs.is_empty();
            answer.status == Some(Status::Success) && answer.condition.is_none() && !asks_more
        })
    }
}

impl Run<'_, '_> {
    /// After a command that succeeded, makes as many of the next at once as give the same as one
    /// by one, and says how many; perhaps none.
    pub(super) fn create_data_row(&mut self, next: &OverImage<'_>) -> u64 {
        let is_data_create = next.info.fid == CommandInfo::data_create(self.edition()).fid;
        if !is_data_create || !next.has_to_succeed() {
            return 0;
        }
        self.data_row(next).map_or(0, |row| self.make_row(next, row))
    }

    /// The row that begins with the next command, but for granules that the player chooses.
    fn data_row(&self, next: &OverImage<'_>) -> Option<DataRow> {
        let size = self.granule_size();
        let Input::Window(window) = next.input("src")? else { return None };
        let first_page = next.number * size.pages();
        let (first, whole_pages) = next.picture.whole_row(first_page)?;
        let src = RowSource::Shown { window: Src(Pa(*window)), first };
        let is_delegated_too = matches!(next.input("data")?, Input::Auto { delegated: true });
        let data = if is_delegated_too { 0 } else { next.value("data")? };
        let mut row = DataRow {
            rd: Rd(Pa(next.value("rd")?)),
            data: Data(Pa(data)),
            is_delegated_too,
            ipa: Ipa(next.value("ipa")?),
            src,
            flags: next.value("flags")?,
            count: (next.count - next.number).min(whole_pages / size.pages()),
        };
        let steps = self.state.stop_at.saturating_sub(self.session.steps());
        let (steps, work) = (steps / row.steps(size), self.state.left_work / next.work(&row, size));
        row.count = row.count.min(steps).min(work);
        Some(row)
    }

    fn make_row(&mut self, next: &OverImage<'_>, mut row: DataRow) -> u64 {
        let (size, session) = (self.granule_size(), &mut *self.session);
        let done = if matches!(next.input("data"), Some(Input::Auto { .. })) {
            self.state.auto.take_row(row.count, size, |data, count| {
                (row.data, row.count) = (Data(Pa(data)), count);
                session.create_data_row(&row)
            })
        } else {
            session.create_data_row(&row)
        };
        self.state.left_work -= done * next.work(&row, size);
        done
    }
}

//! Which measured events a rule of the RIM counts.

use super::event::MeasuredEvent;
pub use crate::abi::rim_rule::RimRule;

impl RimRule {
    /// Whether an event extends the RIM.
    #[must_use]
    pub const fn measures(self, event: &MeasuredEvent) -> bool {
        match event {
            MeasuredEvent::Ripas(_) => self.measures_ripas(),
            MeasuredEvent::Realm(_) => self.measures_parameters(),
            MeasuredEvent::Data(_) | MeasuredEvent::Rec(_) => true,
        }
    }
}

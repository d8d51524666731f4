//! Reference values.

mod corim;
mod corim_damage;

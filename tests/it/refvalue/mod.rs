//! Reference values.

mod corim;
mod corim_damage;
mod corim_profiles;
mod other_client;

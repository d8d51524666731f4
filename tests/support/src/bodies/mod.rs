//! The bodies of the fuzz targets; `tests/it` replays their corpora.

pub mod boot_chain;
pub mod cache_entry;
pub mod ccel;
pub mod corim;
pub mod event_log;
pub mod hash_kernels;
pub mod host_and_realm;
mod host_caps;
pub mod keys;
pub mod lock_file;
pub mod observed_rim;
pub mod pe;
pub mod qemu_args;
pub mod report_page;
pub mod request_args;
pub mod rmi2_sequence;
pub mod rmi_sequence;
pub mod rmm_log;
pub mod saved_events;
pub mod script_roundtrip;
pub mod settings;
pub mod token;
pub mod vector_json;
pub mod vmm_args;

pub use host_caps::host_caps;

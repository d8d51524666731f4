//! Commands of RMM 2.0 for devices and their SMMU (TF-RMM `runtime/rmi/pdev.c`, `vdev.c`,
//! `psmmu.c`).
//!
//! Device assignment is there, and no machine has a device: no address is a PDEV's, a VDEV's or an
//! SMMU's. So every command fails, by the first condition that it looks at and that holds.

use super::activation;
use super::gate::{Failure, FailureRow, which};
use super::outcome::Outcome;
use crate::abi::addr::{Hex, is_aligned};
use crate::abi::command::devices::DeviceCommand;
use crate::abi::status::{ReturnCode, Status};
use crate::model::granule::{Granule, GranuleState};
use crate::model::world::World;

/// What a command looks at, in turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// All inputs that are granules are aligned.
    Aligned,
    /// The structure at this input is in the Host's memory.
    HostMemory(&'static str),
    /// The granule at this input is in a state.
    State(&'static str, GranuleState),
    /// What RmiPdevParams asks for can be had.
    PdevParams,
    /// What RmiPdevStreamParams asks for can be had.
    StreamParams,
    /// It never can be done.
    Never,
    /// There is no such device or SMMU.
    Nothing(&'static str),
}

/// Inputs that are no granules' addresses.
const NUMBERS: [&str; 3] = ["stream", "sid", "psmmu"];

/// What a command looks at.
fn looks(command: &DeviceCommand) -> &'static [Look] {
    use Look::{Aligned, HostMemory, Never, Nothing, PdevParams, State, StreamParams};
    const RD: Look = State("rd", GranuleState::Rd);
    match command.name {
        "PDEV_CREATE" => &[Aligned, HostMemory("params_ptr"), PdevParams],
        "PDEV_SET_PUBKEY" => &[Aligned, HostMemory("params_ptr"), Nothing("pdev")],
        "PDEV_STREAM_CONNECT" => {
            &[Aligned, HostMemory("params_ptr"), StreamParams, Nothing("params_ptr")]
        }
        "PDEV_STREAM_KEY_PURGE" => &[Never],
        "PDEV_STREAM_KEY_REFRESH" | "PDEV_STREAM_DISCONNECT" | "PDEV_STREAM_COMPLETE" => {
            &[Aligned, Nothing("pdev_1")]
        }
        "VDEV_GET_STATE" => &[Aligned, Nothing("vdev")],
        "VDEV_COMPLETE" => &[Aligned, State("rec", GranuleState::Rec), Nothing("vdev")],
        name if name.starts_with("VDEV") => &[Aligned, RD, Nothing("pdev")],
        name if name.starts_with("PSMMU") => &[Nothing("psmmu")],
        _ => &[Aligned, Nothing("pdev")],
    }
}

const INPUT: FailureRow = FailureRow {
    id: "align",
    status: Status::Input,
    which: which::V2,
    after: &[],
    text: "an address is not granule aligned",
};
static ALIGN: FailureRow = INPUT;
static HOST_MEMORY: FailureRow =
    FailureRow { id: "params_pas", text: "a structure is not in Non-secure memory", ..INPUT };
static STATE: FailureRow =
    FailureRow { id: "gran_state", text: "a granule is not in the state that is needed", ..INPUT };
static PARAMS: FailureRow =
    FailureRow { id: "params_valid", text: "a parameter is out of its range", ..INPUT };
static NOTHING: FailureRow = FailureRow { id: "no_device", text: "no device is there", ..INPUT };
static UNSUPPORTED: FailureRow = FailureRow {
    id: "params_supp",
    status: Status::NotSupported,
    text: "the RMM does not support it",
    ..INPUT
};

/// Answers a call of which the table of commands does not know.
pub(super) fn call(world: &World, regs: &[u64; 7]) -> Outcome {
    let known = DeviceCommand::by_fid(regs[0]).filter(|_| world.profile().boots_inactive());
    let Some(command) = known else { return Outcome::no_command(ReturnCode::UNKNOWN_FID, None) };
    let failure =
        if world.is_active() { failure(world, command, regs) } else { activation::inactive() };
    Outcome::no_command(failure.code().pack(), Some(failure))
}

/// The first condition that holds.
fn failure(world: &World, command: &DeviceCommand, regs: &[u64; 7]) -> Box<Failure> {
    let call = Call { world, command, regs };
    let found = looks(command).iter().find_map(|look| call.fails(*look));
    let (row, why) = found.unwrap_or_else(|| (&NOTHING, "there is no device".into()));
    Failure::of(row, format!("RMI_{}: {why}", command.name))
}

type Found = (&'static FailureRow, String);

struct Call<'c> {
    world: &'c World,
    command: &'c DeviceCommand,
    regs: &'c [u64; 7],
}

impl Call<'_> {
    fn inputs(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.command.inputs.iter().copied().zip(self.regs[1..].iter().copied())
    }

    fn input(&self, name: &str) -> u64 {
        self.inputs().find(|(input, _)| *input == name).map_or(0, |(_, value)| value)
    }

    fn granule(&self, name: &str, state: GranuleState) -> Option<Granule> {
        let granule = self.world.granules.find(self.input(name))?;
        (self.world.granules.state(granule) == state).then_some(granule)
    }

    fn fails(&self, look: Look) -> Option<Found> {
        match look {
            Look::Aligned => {
                let size = self.world.granule_size().bytes();
                let granules = self.inputs().filter(|(name, _)| !NUMBERS.contains(name));
                let (name, value) = granules.into_iter().find(|(_, pa)| !is_aligned(*pa, size))?;
                Some((&ALIGN, format!("{name} {} is not a multiple of {}", Hex(value), Hex(size))))
            }
            Look::HostMemory(name) => {
                let granule = self.granule(name, GranuleState::Undelegated);
                let good = granule.is_some_and(|granule| self.world.permits_ns(granule));
                let shown = Hex(self.input(name));
                (!good).then(|| (&HOST_MEMORY, format!("{name} {shown} is not the Host's memory")))
            }
            Look::State(name, state) => {
                let shown = Hex(self.input(name));
                let found = self.granule(name, state).is_none();
                found.then(|| (&STATE, format!("granule {shown} is not {state}")))
            }
            Look::PdevParams => Some(self.pdev_params()),
            Look::StreamParams => self.stream_params(),
            Look::Never => Some((&UNSUPPORTED, "TF-RMM has it for no stream".into())),
            Look::Nothing(name) => {
                let shown = Hex(self.input(name));
                Some((&NOTHING, format!("{name} {shown} names nothing: the machine has no device")))
            }
        }
    }

    /// A number of the structure at `params_ptr`.
    fn parameter(&self, offset: usize, len_bytes: usize) -> u64 {
        let granule = self.granule("params_ptr", GranuleState::Undelegated);
        let mut bytes = [0; 8];
        if let Some(granule) = granule {
            bytes[..len_bytes].copy_from_slice(&self.world.memory.read(granule, offset, len_bytes));
        }
        u64::from_le_bytes(bytes)
    }

    /// RmiPdevParams: in the end there is no host bridge at any address.
    fn pdev_params(&self) -> Found {
        /// RmiPdevFlags: SPDM, and the category in two bits.
        const SPDM: u64 = 1;
        const VALID_FLAGS: u64 = 0b111;
        const ROOT_PORT: u64 = 0;
        const OFF_CHIP: u64 = 1;
        /// One less than 2^MAX_VDEVS_ORDER.
        const MAX_VDEVS: u64 = (1 << 10) - 1;
        let flags = self.parameter(0x0, 8);
        let category = flags >> 1 & 0b11;
        if category != ROOT_PORT {
            let (base, top) = (self.parameter(0x28, 4), self.parameter(0x30, 4));
            if base >= top || top - base > MAX_VDEVS {
                let why = format!("requester IDs {base}..{top} are not 1 to {MAX_VDEVS}");
                return (&PARAMS, why);
            }
            let hash_algo = self.parameter(0x38, 1);
            if hash_algo > 2 {
                return (&PARAMS, format!("hash_algo {hash_algo} is reserved"));
            }
        }
        if flags & !VALID_FLAGS != 0 {
            return (&PARAMS, format!("flags {} have bits that are reserved", Hex(flags)));
        }
        if category != ROOT_PORT && (category != OFF_CHIP || flags & SPDM == 0) {
            let why = format!("flags {}: root ports and endpoints with SPDM are", Hex(flags));
            return (&UNSUPPORTED, why);
        }
        let (routing_id, bridge) = (self.parameter(0x18, 8), self.parameter(0x8, 8));
        if routing_id > u64::from(u16::MAX) {
            return (&PARAMS, format!("routing_id {} has more than 16 bits", Hex(routing_id)));
        }
        (&NOTHING, format!("hb_base {}: the machine has no host bridge", Hex(bridge)))
    }

    fn stream_params(&self) -> Option<Found> {
        const MAX_RANGES: u64 = 16;
        const NON_COHERENT: u64 = 1;
        let (kind, ranges) = (self.parameter(0x8, 1), self.parameter(0x28, 8));
        if ranges > MAX_RANGES {
            return Some((&PARAMS, format!("num_addr_range {ranges} is above {MAX_RANGES}")));
        }
        let why = || (&UNSUPPORTED, format!("stream_type {kind}: only {NON_COHERENT} is"));
        (kind != NON_COHERENT).then(why)
    }
}

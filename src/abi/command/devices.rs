//! Commands of RMM 2.0 for devices and for their SMMU (TF-RMM `runtime/rmi/pdev.c`, `vdev.c`,
//! `psmmu.c`): function identifiers, names and inputs. No device is simulated, so they all fail;
//! what they look at before stands in `rmi`.

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceCommand {
    /// Function identifier (SMC64).
    pub fid: u64,
    /// Name without the `RMI_` prefix.
    pub name: &'static str,
    /// Names of the inputs, X1 first.
    pub inputs: &'static [&'static str],
}

const fn command(
    number: u64,
    name: &'static str,
    inputs: &'static [&'static str],
) -> DeviceCommand {
    DeviceCommand { fid: 0xC400_0150 + number, name, inputs }
}

const PDEV: &[&str] = &["pdev"];
const STREAM: &[&str] = &["pdev_1", "pdev_2", "stream"];
const VDEV: &[&str] = &["rd", "pdev", "vdev"];
const PSMMU: &[&str] = &["psmmu", "sid"];

/// All of them, in the order of the function identifiers.
pub const DEVICE_COMMANDS: &[DeviceCommand] = &[
    command(0x24, "PDEV_ABORT", PDEV),
    command(0x25, "PDEV_COMMUNICATE", &["pdev", "data_ptr"]),
    command(0x26, "PDEV_CREATE", &["pdev", "params_ptr"]),
    command(0x27, "PDEV_DESTROY", PDEV),
    command(0x28, "PDEV_GET_STATE", PDEV),
    command(0x2A, "PDEV_STREAM_KEY_REFRESH", STREAM),
    command(0x2B, "PDEV_SET_PUBKEY", &["pdev", "params_ptr"]),
    command(0x2C, "PDEV_STOP", PDEV),
    command(0x35, "VDEV_ABORT", VDEV),
    command(0x36, "VDEV_COMMUNICATE", &["rd", "pdev", "vdev", "data_ptr"]),
    command(0x37, "VDEV_CREATE", &["rd", "pdev", "vdev", "params_ptr"]),
    command(0x38, "VDEV_DESTROY", VDEV),
    command(0x39, "VDEV_GET_STATE", &["vdev"]),
    command(0x3A, "VDEV_UNLOCK", VDEV),
    command(0x3E, "VDEV_COMPLETE", &["rec", "vdev"]),
    command(0x80, "VDEV_GET_INTERFACE_REPORT", VDEV),
    command(0x81, "VDEV_GET_MEASUREMENTS", &["rd", "pdev", "vdev", "params_ptr"]),
    command(0x82, "VDEV_LOCK", VDEV),
    command(0x83, "VDEV_START", VDEV),
    command(0x87, "PSMMU_ACTIVATE", &["psmmu", "params_ptr"]),
    command(0x88, "PSMMU_DEACTIVATE", &["psmmu"]),
    command(0x8B, "PSMMU_ST_L2_CREATE", PSMMU),
    command(0x8C, "PSMMU_ST_L2_DESTROY", PSMMU),
    command(0xB4, "PDEV_STREAM_CONNECT", &["params_ptr"]),
    command(0xB5, "PDEV_STREAM_DISCONNECT", STREAM),
    command(0xB6, "PDEV_STREAM_COMPLETE", STREAM),
    command(0xB7, "PDEV_STREAM_KEY_PURGE", STREAM),
];

impl DeviceCommand {
    /// The command with this function identifier. The upper half of the register and the SVE hint
    /// do not count.
    #[must_use]
    pub fn by_fid(fid: u64) -> Option<&'static Self> {
        let fid = fid & 0xFFFF_FFFF & !super::SVE_HINT;
        DEVICE_COMMANDS.iter().find(|command| command.fid == fid)
    }

    /// The command with this name; a leading `RMI_` is optional.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        let name = name.strip_prefix("RMI_").unwrap_or(name);
        DEVICE_COMMANDS.iter().find(|command| command.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::command::CommandInfo;
    use crate::abi::edition::Edition;

    #[test]
    fn every_identifier_and_name_is_of_one_command() {
        assert!(DEVICE_COMMANDS.is_sorted_by_key(|command| command.fid));
        for command in DEVICE_COMMANDS {
            assert_eq!(CommandInfo::by_fid(command.fid, Edition::V2), None, "{}", command.name);
            assert_eq!(CommandInfo::by_name(command.name), None);
            let hinted = 1 << 32 | 1 << 16 | command.fid;
            assert_eq!(DeviceCommand::by_fid(hinted), Some(command));
            let long = format!("RMI_{}", command.name);
            assert_eq!(DeviceCommand::by_name(&long), Some(command));
        }
        assert_eq!(DeviceCommand::by_fid(0xC400_01F4), None, "GPT_L1_DESTROY has no handler");
        assert_eq!(DeviceCommand::by_fid(0), None);
    }
}

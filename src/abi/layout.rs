//! Byte layouts of the structures that Host and RMM share, as data.
//!
//! Scripts write them by field name, the decoders in [`crate::abi::params`] read them by the same
//! rows, and the tests hold every offset against the specification.

use super::addr::GranuleBytes;

/// One field of a structure in memory. Values are little-endian.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// The specification's name.
    pub name: &'static str,
    /// Offset from the start of the structure, in bytes.
    pub offset: usize,
    /// Width of one element, in bytes: 1, 2, 4 or 8 for numbers, more for byte strings.
    pub width_bytes: usize,
    /// Number of elements; 1 if the field is not an array.
    pub count: usize,
}

/// A structure of one granule.
#[derive(Debug, PartialEq, Eq)]
pub struct Layout {
    /// What stands before the name in the specification: `Rmi` or `Rsi`.
    pub interface: &'static str,
    /// The specification's name.
    pub name: &'static str,
    /// The fields, by offset. Bytes between them are zero (SBZ).
    pub fields: &'static [Field],
}

const fn number(name: &'static str, offset: usize, width_bytes: usize) -> Field {
    Field { name, offset, width_bytes, count: 1 }
}

const fn array(name: &'static str, offset: usize, width_bytes: usize, count: usize) -> Field {
    Field { name, offset, width_bytes, count }
}

/// List registers of the GIC that structures have room for.
pub const NUM_LRS: usize = 16;

/// RmiRealmParams (DEN0137 1.0 B4.4).
pub const REALM_PARAMS: Layout = Layout {
    interface: "Rmi",
    name: "RealmParams",
    fields: &[
        number("flags", 0x000, 8),
        number("s2sz", 0x008, 1),
        number("sve_vl", 0x010, 1),
        number("num_bps", 0x018, 1),
        number("num_wps", 0x020, 1),
        number("pmu_num_ctrs", 0x028, 1),
        number("hash_algo", 0x030, 1),
        number("rpv", 0x400, 64),
        number("vmid", 0x800, 2),
        number("rtt_base", 0x808, 8),
        number("rtt_level_start", 0x810, 8),
        number("rtt_num_start", 0x818, 4),
    ],
};

/// RmiRecParams (DEN0137 1.0 B4.4).
pub const REC_PARAMS: Layout = Layout {
    interface: "Rmi",
    name: "RecParams",
    fields: &[
        number("flags", 0x000, 8),
        number("mpidr", 0x100, 8),
        number("pc", 0x200, 8),
        array("gprs", 0x300, 8, 8),
        number("num_aux", 0x800, 8),
        array("aux", 0x808, 8, 16),
    ],
};

/// The half of RmiRecRun that the Host writes: RmiRecEnter (DEN0137 1.0 B4.4).
pub const REC_ENTER: Layout = Layout {
    interface: "Rmi",
    name: "RecEnter",
    fields: &[
        number("flags", 0x000, 8),
        array("gprs", 0x200, 8, 31),
        number("gicv3_hcr", 0x300, 8),
        array("gicv3_lrs", 0x308, 8, NUM_LRS),
    ],
};

/// RmiRealmParams of RMM 2.0 (TF-RMM `smc-rmi.h`, structure `rmi_realm_params`).
pub const REALM_PARAMS_2: Layout = Layout {
    interface: "Rmi",
    name: "RealmParams",
    fields: &[
        number("flags", 0x000, 8),
        number("s2sz", 0x008, 4),
        number("sve_vl", 0x010, 4),
        number("num_bps", 0x018, 4),
        number("num_wps", 0x020, 4),
        number("pmu_num_ctrs", 0x028, 4),
        number("hash_algo", 0x030, 1),
        number("num_aux_planes", 0x038, 4),
        number("rpv", 0x400, 64),
        number("ats_plane", 0x440, 8),
        number("rtt_base", 0x808, 8),
        number("rtt_level_start", 0x810, 8),
        number("rtt_num_start", 0x818, 4),
        number("flags1", 0x820, 8),
        array("aux_rtt_base", 0xF80, 8, 3),
    ],
};

/// RmiRecParams of RMM 2.0 (TF-RMM `smc-rmi.h`, structure `rmi_rec_params`).
pub const REC_PARAMS_2: Layout = Layout {
    interface: "Rmi",
    name: "RecParams",
    fields: &[
        number("flags", 0x000, 8),
        number("mpidr", 0x100, 8),
        number("pc", 0x200, 8),
        array("gprs", 0x300, 8, 8),
    ],
};

/// The half of RmiRecRun that the Host writes, of RMM 2.0: the GIC is programmed directly.
pub const REC_ENTER_2: Layout = Layout {
    interface: "Rmi",
    name: "RecEnter",
    fields: &[number("flags", 0x000, 8), array("gprs", 0x200, 8, 31)],
};

/// RsiPlaneEnter of RMM 2.0, the half of RsiPlaneRun that plane 0 writes (TF-RMM `smc-rsi.h`).
pub const PLANE_ENTER: Layout = Layout {
    interface: "Rsi",
    name: "PlaneEnter",
    fields: &[
        number("flags", 0x000, 8),
        number("pc", 0x008, 8),
        number("pstate", 0x010, 8),
        array("gprs", 0x100, 8, 31),
        number("gicv3_hcr", 0x200, 8),
        array("gicv3_lrs", 0x208, 8, NUM_LRS),
        number("elr_el1", 0x400, 8),
    ],
};

/// RmiRmmConfig of RMM 2.0: what RMI_RMM_CONFIG_SET reads.
pub const RMM_CONFIG: Layout = Layout {
    interface: "Rmi",
    name: "RmmConfig",
    fields: &[number("tracking_region_size", 0x0, 8), number("rmi_granule_size", 0x8, 8)],
};

/// Every structure that a script can write. Those of one name belong to different editions; the
/// older stands first.
pub const LAYOUTS: [&Layout; 8] = [
    &REALM_PARAMS,
    &REC_PARAMS,
    &REC_ENTER,
    &REALM_PARAMS_2,
    &REC_PARAMS_2,
    &REC_ENTER_2,
    &RMM_CONFIG,
    &PLANE_ENTER,
];

impl Layout {
    /// The structure with this name, of RMM 1.0 if that has it; the interface before it is
    /// optional.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        LAYOUTS.into_iter().find(|layout| layout.is_named(name))
    }

    /// Whether it is the structure with this name; the interface before it is optional.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        name.strip_prefix(self.interface).unwrap_or(name) == self.name
    }

    /// The field with this name of any structure that has this one's name.
    #[must_use]
    pub fn field_of_any_edition(&self, name: &str) -> Option<&'static Field> {
        let alike = LAYOUTS.into_iter().filter(|layout| layout.name == self.name);
        alike.flat_map(|layout| layout.fields).find(|field| field.name == name)
    }

    /// The field with this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl Field {
    /// The offset just past the field, in bytes.
    #[must_use]
    pub const fn end(&self) -> usize {
        self.offset + self.width_bytes * self.count
    }
}

/// Reads a little-endian number of 1 to 8 bytes.
#[must_use]
pub(crate) fn read_number(page: &GranuleBytes, offset: usize, width_bytes: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes[..width_bytes].copy_from_slice(&page[offset..offset + width_bytes]);
    u64::from_le_bytes(bytes)
}

const _: () = {
    let mut s = 0;
    while s < LAYOUTS.len() {
        let fields = LAYOUTS[s].fields;
        let mut i = 0;
        while i < fields.len() {
            assert!(fields[i].end() <= 0x1000, "a structure is one granule");
            assert!(i + 1 == fields.len() || fields[i].end() <= fields[i + 1].offset);
            i += 1;
        }
        s += 1;
    }
    // The ends that DEN0137 1.0 gives, as a check against slips.
    assert!(REALM_PARAMS.fields[11].end() == 0x81C);
    assert!(REC_PARAMS.fields[3].end() == 0x340 && REC_PARAMS.fields[5].end() == 0x888);
    assert!(REC_ENTER.fields[1].end() == 0x2F8 && REC_ENTER.fields[3].end() == 0x388);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_find_their_rows() {
        assert_eq!(Layout::by_name("RmiRealmParams"), Some(&REALM_PARAMS));
        assert_eq!(Layout::by_name("RecParams").unwrap().field("aux").unwrap().offset, 0x808);
        assert_eq!(Layout::by_name("Nothing"), None);
        let planes = Some(&PLANE_ENTER);
        let by_name = ["RsiPlaneEnter", "PlaneEnter"].map(Layout::by_name);
        assert_eq!((by_name, Layout::by_name("RmiPlaneEnter")), ([planes; 2], None));
        assert_eq!(Layout::by_name("RsiRealmParams"), None);
    }

    #[test]
    fn numbers_are_little_endian() {
        let mut page = [0; 4096];
        page[8..12].copy_from_slice(&[0x21, 0x43, 0x65, 0x87]);
        assert_eq!(read_number(&page, 8, 1), 0x21);
        assert_eq!(read_number(&page, 8, 4), 0x8765_4321);
        assert_eq!(read_number(&page, 8, 8), 0x8765_4321);
    }
}

//! The inputs of the vectors of measured boot, made again: PE images, an initrd, a device tree, a
//! partition table. Written from the description of the formats, apart from `src/boot`.

use sha3::digest::{ExtendableOutput as _, Update as _, XofReader as _};

pub(crate) const CMDLINE: &str = "root=/dev/vda2 console=ttyAMA0";
pub(crate) const VERSION: &str = "rimsim-test 1.0";

/// Bytes that a name stands for: a stream of SHAKE-128.
pub(crate) fn seed(name: &str, len: usize) -> Vec<u8> {
    let mut hash = sha3::Shake128::default();
    hash.update(name.as_bytes());
    let mut bytes = vec![0; len];
    hash.finalize_xof().read(&mut bytes);
    bytes
}

fn le(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// A device tree with an empty root, and bytes behind it that do not belong to it.
pub(crate) fn device_tree() -> Vec<u8> {
    let header = [0xd00d_feed, 256, 56, 72, 40, 17, 16, 0, 0, 16];
    let mut tree: Vec<u8> = header.iter().flat_map(|number: &u32| number.to_be_bytes()).collect();
    tree.extend([0; 16]);
    tree.extend([1_u32, 0, 2, 9].iter().flat_map(|number| number.to_be_bytes()));
    tree.extend(seed("fdt-pad", 256 - tree.len()));
    tree.extend(seed("fdt-behind", 64));
    tree
}

/// A section: name, bytes, VirtualSize if it is another than their length.
pub(crate) type Section<'s> = (&'s str, Vec<u8>, Option<u32>);

/// An EFI application for arm64 (PE32+) with sections, then bytes, then a certificate.
pub(crate) fn pe(sections: &[Section<'_>], certificate: &[u8], trailing: &[u8]) -> Vec<u8> {
    const HEADERS: usize = 0x400;
    let (mut address, mut table, mut body) = (0x1000_u32, Vec::new(), Vec::new());
    for (name, data, virtual_size) in sections {
        let len = u32::try_from(data.len()).expect("short");
        let raw = len.next_multiple_of(0x200);
        let virtual_size = virtual_size.unwrap_or(len);
        let mut name = name.as_bytes().to_vec();
        name.resize(8, 0);
        table.extend(name);
        let start = u32::try_from(HEADERS + body.len()).expect("short");
        table.extend(le(&[virtual_size, address, raw, start, 0, 0, 0, 0x6000_0020]));
        body.extend(data);
        body.resize(body.len().next_multiple_of(0x200), 0);
        address += virtual_size.max(raw).next_multiple_of(0x1000);
    }
    let end = u32::try_from(HEADERS + body.len() + trailing.len()).expect("short");
    let mut optional = vec![0x0b, 0x02, 14, 0];
    optional.extend(le(&[0x200, 0x200, 0, 0x1000, 0x1000, 0, 0, 0x1000, 0x200, 0, 0, 0, 0]));
    optional.extend(le(&[address, 0x400, 0x1122_3344, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16]));
    let mut directories = vec![0_u32; 32];
    if !certificate.is_empty() {
        directories[8] = end;
        directories[9] = u32::try_from(certificate.len()).expect("short");
    }
    optional.extend(le(&directories));
    // `subsystem` is a half word, and so are the characteristics behind it.
    let mut file = b"MZ".to_vec();
    file.resize(60, 0);
    file.extend(le(&[64]));
    file.extend(b"PE\0\0");
    let count = u8::try_from(sections.len()).expect("few");
    file.extend([0x64, 0xaa, count, 0]);
    file.extend([0; 12]);
    file.extend(u16::try_from(optional.len()).expect("short").to_le_bytes());
    file.extend(0x206_u16.to_le_bytes());
    file.extend(optional);
    file.extend(table);
    assert!(file.len() <= HEADERS);
    file.resize(HEADERS, 0);
    file.extend(body);
    file.extend(trailing);
    file.extend(certificate);
    file
}

pub(crate) fn kernel() -> Vec<u8> {
    let (text, data) = (seed("kernel.text", 5000), seed("kernel.data", 1234));
    pe(&[(".text", text, None), (".data", data, Some(9000))], &[], &[])
}

pub(crate) fn signed() -> Vec<u8> {
    pe(&[(".text", seed("s.text", 777), None)], &seed("cert", 1336), &seed("tail", 43))
}

pub(crate) fn initrd() -> Vec<u8> {
    seed("initrd", 20001)
}

pub(crate) fn uki_sections() -> Vec<Section<'static>> {
    vec![
        (".text", seed("stub.text", 3000), None),
        (".osrel", b"ID=rimsim\nVERSION_ID=1\n".to_vec(), None),
        (".cmdline", format!("{CMDLINE}\n").into_bytes(), None),
        (".uname", b"6.18.0-cca".to_vec(), None),
        (".sbat", b"sbat,1,SBAT Version,sbat,1,https://x\n".to_vec(), None),
        (".initrd", initrd(), None),
        (".linux", kernel(), None),
    ]
}

pub(crate) fn uki() -> Vec<u8> {
    pe(&uki_sections(), &[], &[])
}

/// A UKI of a few kilobytes, for examples.
pub(crate) fn small_uki() -> Vec<u8> {
    let kernel = pe(&[(".text", seed("kernel.text", 400), None)], &[], &[]);
    let sections = [
        (".text", seed("stub.text", 300), None),
        (".osrel", b"ID=example\nVERSION_ID=1\n".to_vec(), None),
        (".cmdline", b"root=/dev/vda2\n".to_vec(), None),
        (".initrd", seed("initrd", 500), None),
        (".linux", kernel, None),
    ];
    pe(&sections, &[], &[])
}

/// A disk with two partitions: the table alone, in the first 34 blocks.
pub(crate) fn disk() -> Vec<u8> {
    let esp = uuid::uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b").to_bytes_le();
    let mut array = Vec::new();
    for i in 0..2_u64 {
        array.extend(esp);
        array.extend(seed(&format!("part{i}"), 16));
        for number in [2048 * (i + 1), 2048 * (i + 2) - 1, 0] {
            array.extend(number.to_le_bytes());
        }
        let mut name: Vec<u8> = format!("p{i}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        name.resize(72, 0);
        array.extend(name);
    }
    array.resize(128 * 128, 0);
    let mut header = b"EFI PART".to_vec();
    header.extend(le(&[0x10000, 92, 0, 0]));
    for number in [1_u64, 20479, 34, 20446] {
        header.extend(number.to_le_bytes());
    }
    header.extend(seed("disk", 16));
    header.extend(2_u64.to_le_bytes());
    header.extend(le(&[128, 128, crc32(&array)]));
    let crc = crc32(&header);
    header[16..20].copy_from_slice(&crc.to_le_bytes());
    let mut disk = vec![0; 512];
    disk.extend(&header);
    disk.resize(1024, 0);
    disk.extend(array);
    disk
}

pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// The files of the vectors by name.
pub(crate) fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("fdt.bin", device_tree()),
        ("kernel.bin", kernel()),
        ("initrd.bin", initrd()),
        ("signed.bin", signed()),
        ("uki.bin", uki()),
        ("disk.img", disk()),
    ]
}

/// The cases of the vectors, each with the chain that boots it.
pub(crate) fn chains(algo: &str) -> Vec<(&'static str, String)> {
    let firmware = format!(
        "hash_algo = \"{algo}\"\n[firmware]\nprofile = \"edk2-kvmtool-pr12535\"\n\
         version = \"{VERSION}\"\ndevice_tree = \"fdt.bin\"\nfailed_attempts = 0\n"
    );
    let efistub = format!(
        "[variables]\nBootOrder = [1, 10, 7]\n\
         Boot0001 = {{ description = \"rimsim\", \
         path = 'PciRoot(0x0)/Pci(0x2,0x0)/\\EFI\\BOOT\\BOOTAA64.EFI', options = \"{CMDLINE}\" }}\n\
         Boot000A = {{ description = \"UiApp\", path = \"x\", attributes = 9 }}\n\
         [exit]\nfailed_exits = 0\n"
    );
    let kernel = "[[boot]]\nkind = \"linux\"\nfile = \"kernel.bin\"\nstub = \"6.9\"\n";
    let uki = "[variables]\nBootOrder = [1]\n\
         Boot0001 = { description = \"uki\", \
         path = 'PciRoot(0x0)/Pci(0x2,0x0)/\\EFI\\Linux\\uki.efi' }\n\
         [exit]\nfailed_exits = 0\n\
         [[boot]]\nkind = \"uki\"\nfile = \"uki.bin\"\nkernel_stub = \"6.9\"\n";
    let blobs = format!(
        "hash_algo = \"{algo}\"\n[firmware]\nprofile = \"edk2-qemu-pr12224\"\n\
         [[boot]]\nkind = \"linux\"\nfile = \"kernel.bin\"\n"
    );
    vec![
        ("a_kvmtool_efistub", format!("{firmware}{efistub}{kernel}")),
        (
            "a_kvmtool_efistub_gpt_lf2",
            format!(
                "{firmware}[disk]\ngpt = \"disk.img\"\n{efistub}{kernel}\
                 initrd = \"initrd.bin\"\ninitrd_by = \"loadfile2\"\n"
            ),
        ),
        ("b_qemu_fwcfg", format!("{blobs}initrd = \"initrd.bin\"\ncmdline = \"{CMDLINE}\"\n")),
        ("b_qemu_fwcfg_kernel_only", blobs),
        ("c_uki", format!("{firmware}{uki}stub = \"2026\"\n")),
        ("c_uki_old_stub", format!("{firmware}{uki}stub = \"old\"\n")),
    ]
}

//! The input files of the recorded command lines: SHAKE-128 streams, named after the file.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use rimsim::host::Files;
use rimsim::measure::image::{Image, ImageError};
use sha3::Shake128;
use sha3::digest::{ExtendableOutput, Update, XofReader};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Files by name, made when they are opened. Names can stand for others, as with `--map`.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    names: BTreeMap<String, String>,
    made: BTreeMap<String, Arc<Image>>,
    roots: Vec<String>,
}

impl Inputs {
    /// Opens `file` where a command line says `name`.
    pub(crate) fn map(&mut self, name: &str, file: &str) {
        self.names.insert(name.into(), file.into());
    }

    /// Makes a root file system of this name, as `lkvm setup` does.
    pub(crate) fn set_up(&mut self, name: &str) {
        self.roots.push(name.into());
    }
}

impl Files for Inputs {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        let name = self.names.get(name).cloned().unwrap_or_else(|| name.into());
        if let Some(image) = self.made.get(&name) {
            return Ok(image.clone());
        }
        let image = match contents(&name) {
            _ if name == "share" => return Err(ImageError::Directory { path: name }),
            None => {
                let source = io::Error::from(io::ErrorKind::NotFound);
                return Err(ImageError::Io { path: name, source });
            }
            Some(bytes) if bytes.is_empty() => return Err(ImageError::Empty { path: name }),
            Some(bytes) => Arc::new(Image::from_bytes(name.clone(), bytes)),
        };
        self.made.insert(name, image.clone());
        Ok(image)
    }

    fn has_lkvm_root(&mut self, name: &str) -> bool {
        self.roots.iter().any(|root| root == name)
    }
}

/// The first bytes of a file's stream.
pub(crate) fn payload(name: &str, len: usize) -> Vec<u8> {
    stream(format!("rim-inputs:v1:{name}"), len)
}

/// Most bytes of streams that are kept.
const MOST_KEPT: usize = 256 * MIB;

/// The first bytes of the SHAKE-128 stream of a text. Made once for all tests: without optimisation
/// that takes longer than what is done with them.
fn stream(seed: String, len: usize) -> Vec<u8> {
    static MADE: Mutex<BTreeMap<String, Arc<[u8]>>> = Mutex::new(BTreeMap::new());
    let known = MADE.lock().expect("no test panics here").get(&seed).cloned();
    if let Some(known) = known.filter(|known| known.len() >= len) {
        return known[..len].to_vec();
    }
    let mut hasher = Shake128::default();
    hasher.update(seed.as_bytes());
    let mut bytes = vec![0; len];
    hasher.finalize_xof().read(&mut bytes);
    let mut made = MADE.lock().expect("no test panics here");
    if made.values().map(|known| known.len()).sum::<usize>() + len <= MOST_KEPT {
        made.insert(seed, bytes.as_slice().into());
    }
    bytes
}

/// An arm64 Image header.
fn header(text_offset: u64, image_size: u64, magic: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(0xfa40_5a4d_u32.to_le_bytes());
    bytes.extend(0x1473_f43b_u32.to_le_bytes());
    for wide in [text_offset, image_size, 0xa, 0, 0, 0] {
        bytes.extend(wide.to_le_bytes());
    }
    bytes.extend(magic.to_le_bytes());
    bytes.extend(0x40_u32.to_le_bytes());
    bytes
}

const MAGIC: u32 = 0x644d_5241;

/// A kernel of `len` bytes whose header says `image_size` and `text_offset`.
pub(crate) fn kernel(name: &str, len: usize, image_size: usize, text_offset: u64) -> Vec<u8> {
    [header(text_offset, image_size as u64, MAGIC), payload(name, len - 64)].concat()
}

/// A kernel's length, image size and text offset.
fn kernel_numbers(name: &str) -> Option<(usize, usize, u64)> {
    let plain = |len| Some((len, len, 0));
    match name {
        "k256.img" => Some((256, 0x2d1_0000, 0)),
        "k4k.img" => plain(4096),
        "k4k1.img" => Some((4097, 8192, 0)),
        "k64k_off.img" => Some((64 * KIB, 128 * KIB, 0x8_0000)),
        "k64k_oddoff.img" => Some((64 * KIB, 64 * KIB, 0x123)),
        "k1m.img" => Some((MIB, MIB + 300 * KIB, 0)),
        "k8m.img" => Some((8 * MIB + 123, 9 * MIB, 0)),
        "k40m.img" => Some((40 * MIB + 4096, 44 * MIB, 0)),
        "k1m_hugebss.img" => Some((MIB, 200 * MIB, 0)),
        "k200k5.img" => plain(200 * KIB + 5),
        "k64kx3.img" => plain(192 * KIB),
        "k_off2m.img" => Some((100 * KIB, 3 * MIB, 0x20_0000)),
        "k_off10000.img" => Some((70 * KIB + 1, 5 * MIB + 1, 0x1_0000)),
        "k_isz0.img" => Some((64 * KIB, 0, 0x4_0000)),
        "k_small_isz.img" => Some((128 * KIB, 8 * KIB, 0)),
        "k_bss_2mend.img" => Some((MIB, 2 * MIB, 0)),
        "k_bss_all2m.img" => Some((2 * MIB, 6 * MIB, 0)),
        "k_bss_mix.img" => Some((3 * MIB + 7, 11 * MIB + 4097, 0)),
        "k_fill4k.img" => plain(32 * MIB - 64),
        "k_fill64k.img" => plain(32 * MIB - 20 * KIB),
        "f_hdr.fd" => Some((300 * KIB, 4 * MIB, 0)),
        _ => None,
    }
}

/// The length of a file that is nothing but its stream.
fn payload_len(name: &str) -> Option<usize> {
    Some(match name {
        "i1.cpio" => 1,
        "i3.cpio" => 3,
        "i4095.cpio" => 4095,
        "i4k.cpio" => 4096,
        "i4097.cpio" => 4097,
        "i65532.cpio" => 65532,
        "i65533.cpio" => 65533,
        "i131071.cpio" => 131_071,
        "i1m1.cpio" => MIB + 1,
        "i5m.cpio" => 5 * MIB,
        "i33m.cpio" => 33 * MIB + 7,
        "f10.fd" => 10,
        "f4k.fd" => 4096,
        "f2m.fd" => 2 * MIB,
        "f3m_odd.fd" => 3 * MIB + 321,
        "f64m.fd" => 64 * MIB,
        "k_short64.img" => 64,
        "disk1.img" => MIB,
        "disk2.img" => 2 * MIB + 512,
        "flash96k.bin" => 96 * KIB,
        "flash1m.bin" => MIB,
        _ => return None,
    })
}

/// What a file of this name holds, if there is one.
pub(crate) fn contents(name: &str) -> Option<Vec<u8>> {
    if name.starts_with("rk_") || name.starts_with("ri_") {
        return random(name);
    }
    if let Some((len, image_size, text_offset)) = kernel_numbers(name) {
        return Some(kernel(name, len, image_size, text_offset));
    }
    if let Some(len) = payload_len(name) {
        return Some(payload(name, len));
    }
    match name {
        "k_magic_bad.img" => {
            let start = header(0, 64 * KIB as u64, 0);
            Some([start, payload(name, 64 * KIB - 64)].concat())
        }
        "k_short.img" => Some(header(0, 4096, MAGIC)[..40].to_vec()),
        "k_zeros.img" => Some([header(0, 3 * MIB as u64, MAGIC), vec![0; MIB - 64]].concat()),
        "k1m.img.gz" => gzip_of_k1m(),
        "k_tiny.gz" => Some(gzip(b"hello")),
        "opaque5001.dtb" => Some([&[0xD0, 0x0D, 0xFE, 0xED][..], &payload(name, 4997)].concat()),
        "opaque16k.dtb" => Some([&[0xD0, 0x0D, 0xFE, 0xED][..], &payload(name, 16380)].concat()),
        "izero2m.cpio" => Some(vec![0; 2 * MIB]),
        "empty.bin" => Some(Vec::new()),
        "notadtb.dtb" => Some(b"this is not a device tree\n".to_vec()),
        _ => None,
    }
}

/// The files of random command lines: `ri_LENGTH.cpio`, and kernels whose names say length, text
/// offset and image size in hexadecimal, the first byte of the magic and the flags.
fn random(name: &str) -> Option<Vec<u8>> {
    let stem = name.split('.').next()?;
    let parts: Vec<&str> = stem.split('_').skip(1).collect();
    let len: usize = parts.first()?.parse().ok()?;
    let [_, text_offset, image_size, magic, flags] = parts[..] else {
        return (parts.len() == 1).then(|| stream(format!("i{len}"), len));
    };
    let wide = |digits: &str| u64::from_str_radix(digits, 16).ok();
    let magic: u8 = magic.parse().ok()?;
    let mut bytes = Vec::new();
    bytes.extend(0x9100_5a4d_u32.to_le_bytes());
    bytes.extend(0x1400_0000_u32.to_le_bytes());
    for number in [wide(text_offset)?, wide(image_size)?, flags.parse().ok()?, 0, 0, 0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.push(magic);
    bytes.extend(if magic == b'A' { *b"RM\x64" } else { *b"RA\x64" });
    bytes.extend(0x40_u32.to_le_bytes());
    bytes.extend(stream(format!("k{len}"), len.saturating_sub(64)));
    bytes.truncate(len);
    Some(bytes)
}

/// How zlib cuts `k1m.img`, which it can not make smaller, at its best level.
const STORED_BYTES: [usize; 64] = [
    16_432, 16_385, 16_395, 16_389, 16_385, 16_383, 16_389, 16_385, 16_396, 16_391, 16_388, 16_395,
    16_389, 16_394, 16_387, 16_390, 16_387, 16_393, 16_393, 16_397, 16_393, 16_389, 16_395, 16_391,
    16_402, 16_393, 16_387, 16_391, 16_389, 16_387, 16_387, 16_387, 16_393, 16_389, 16_389, 16_393,
    16_389, 16_389, 16_387, 16_393, 16_387, 16_389, 16_387, 16_387, 16_397, 16_387, 16_389, 16_387,
    16_389, 16_389, 16_383, 16_391, 16_387, 16_389, 16_391, 16_393, 16_389, 16_387, 16_391, 16_396,
    16_389, 16_391, 16_391, 15_964,
];

/// `k1m.img` as zlib packs it: a program that loads the file as it is measures these bytes.
fn gzip_of_k1m() -> Option<Vec<u8>> {
    let kernel = contents("k1m.img")?;
    let mut bytes = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 3];
    let mut rest = kernel.as_slice();
    for len in STORED_BYTES {
        let (block, behind) = rest.split_at(len);
        rest = behind;
        let len = u16::try_from(len).ok()?;
        bytes.push(rest.is_empty().into());
        bytes.extend(len.to_le_bytes());
        bytes.extend((!len).to_le_bytes());
        bytes.extend(block);
    }
    let mut sum = flate2::Crc::new();
    sum.update(&kernel);
    bytes.extend(sum.sum().to_le_bytes());
    bytes.extend(sum.amount().to_le_bytes());
    Some(bytes)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let compression = flate2::Compression::fast();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), compression);
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

//! The hash algorithms of Realms.

/// RmiHashAlgorithm (DEN0137 1.0 B4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashAlgo {
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-512, 64 bytes.
    Sha512,
    /// SHA-384, 48 bytes (2.0).
    Sha384,
}

/// What is known of an algorithm.
struct AlgoRow {
    code: u8,
    name: &'static str,
    iana_name: &'static str,
    iana_number: u64,
    title: &'static str,
    /// TPM_ALG_ID.
    tcg_number: u16,
    len_bytes: usize,
    #[cfg_attr(not(feature = "evidence"), allow(dead_code, reason = "read by evidence"))]
    len_text: &'static str,
}

impl HashAlgo {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha512, Self::Sha384];
    /// Those of RMM 1.0.
    pub const ALL_1_0: [Self; 2] = [Self::Sha256, Self::Sha512];
    /// All of them, the shortest first: the order in which texts name them.
    const BY_LENGTH: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];
    /// The lengths of a digest in bytes, in words.
    #[cfg(any(test, feature = "evidence"))]
    pub(crate) const LENGTHS: &'static str = "32, 48 or 64";
    /// The names of tokens, in words.
    #[cfg(any(test, feature = "evidence"))]
    pub(crate) const IANA_NAMES: &'static str = "\"sha-256\", \"sha-384\" or \"sha-512\"";

    /// The table of algorithms: the only place with their names, numbers and lengths.
    const fn row(self) -> AlgoRow {
        match self {
            Self::Sha256 => AlgoRow {
                code: 0,
                name: "sha256",
                iana_name: "sha-256",
                iana_number: 1,
                title: "SHA-256",
                tcg_number: 0x0B,
                len_bytes: 32,
                len_text: "32",
            },
            Self::Sha512 => AlgoRow {
                code: 1,
                name: "sha512",
                iana_name: "sha-512",
                iana_number: 8,
                title: "SHA-512",
                tcg_number: 0x0D,
                len_bytes: 64,
                len_text: "64",
            },
            Self::Sha384 => AlgoRow {
                code: 2,
                name: "sha384",
                iana_name: "sha-384",
                iana_number: 7,
                title: "SHA-384",
                tcg_number: 0x0C,
                len_bytes: 48,
                len_text: "48",
            },
        }
    }

    /// The algorithm with this encoding (0 to 2).
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|algo| algo.code() == code)
    }

    /// The encoding.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.row().code
    }

    /// The name used in scripts, vectors and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The name that people know: `SHA-256`.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// The name in IANA's "Hash Function Textual Names", which tokens use too: `sha-256`.
    #[must_use]
    pub const fn iana_name(self) -> &'static str {
        self.row().iana_name
    }

    /// The number in IANA's "Named Information Hash Algorithm Registry", which CoRIMs use.
    #[must_use]
    pub const fn iana_number(self) -> u64 {
        self.row().iana_number
    }

    /// The number in TCG's registry, which event logs use: TPM_ALG_ID.
    #[must_use]
    pub const fn tcg_number(self) -> u16 {
        self.row().tcg_number
    }

    /// The algorithm with this number of TCG's.
    #[must_use]
    pub fn from_tcg_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|algo| algo.tcg_number() == number)
    }

    /// The algorithm with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algo| algo.name() == name)
    }

    /// The algorithm with this name of IANA's.
    #[must_use]
    pub fn from_iana_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algo| algo.iana_name() == name)
    }

    /// The algorithm whose digests are so long, in bytes.
    #[must_use]
    pub fn from_len_bytes(len_bytes: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|algo| algo.len_bytes() == len_bytes)
    }

    /// Length of a digest in bytes.
    #[must_use]
    pub const fn len_bytes(self) -> usize {
        self.row().len_bytes
    }

    /// Length of a digest in bytes, in decimal digits.
    #[cfg(any(test, feature = "evidence"))]
    pub(crate) const fn len_text(self) -> &'static str {
        self.row().len_text
    }

    /// All of them in words, such as `sha256, sha384 or sha512`: what a text that asks for one of
    /// them says.
    #[must_use]
    pub fn any_of(told: impl Fn(Self) -> String) -> String {
        let [first, second, third] = Self::BY_LENGTH.map(told);
        format!("{first}, {second} or {third}")
    }

    /// The names of scripts and options: `sha256, sha384 or sha512`.
    #[must_use]
    pub fn names() -> String {
        Self::any_of(|algo| algo.name().to_owned())
    }

    /// The lengths of a digest, each with its algorithm: `32 (SHA-256), 48 (SHA-384) or …`.
    #[must_use]
    pub fn lengths() -> String {
        Self::any_of(|algo| format!("{} ({})", algo.len_bytes(), algo.title()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_algorithms_are_those_of_the_table() {
        assert_eq!(HashAlgo::LENGTHS, HashAlgo::any_of(|algo| algo.len_bytes().to_string()));
        assert_eq!(
            HashAlgo::IANA_NAMES,
            HashAlgo::any_of(|algo| format!("{:?}", algo.iana_name()))
        );
        for algo in HashAlgo::ALL {
            assert_eq!(algo.len_text(), algo.len_bytes().to_string());
            assert_eq!(HashAlgo::from_code(algo.code()), Some(algo));
            assert_eq!(HashAlgo::from_name(algo.name()), Some(algo));
            assert_eq!(HashAlgo::from_iana_name(algo.iana_name()), Some(algo));
            assert_eq!(HashAlgo::from_tcg_number(algo.tcg_number()), Some(algo));
            assert_eq!(HashAlgo::from_len_bytes(algo.len_bytes()), Some(algo));
        }
        assert_eq!(HashAlgo::names(), "sha256, sha384 or sha512");
    }
}

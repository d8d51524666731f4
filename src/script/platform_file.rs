//! Platforms in TOML files, as scripts name them.

use crate::abi::platform::{Platform, PlatformError, PlatformFile};
use crate::encoding::toml_text;

impl Platform {
    /// Reads a platform from a TOML text.
    ///
    /// # Bounds
    /// Time and memory grow with the length, memory by at most 300 bytes for each byte.
    ///
    /// # Errors
    /// If the text is not TOML, names an unknown field, lacks one, or describes a machine that can
    /// not be.
    ///
    /// ```
    /// use rimsim::Platform;
    /// let text = rimsim::Platform::preset("fvp").unwrap().to_toml();
    /// assert_eq!(Platform::from_toml(&text).unwrap(), Platform::preset("fvp").unwrap());
    /// assert!(Platform::from_toml("pa_bits = 99").is_err());
    /// ```
    pub fn from_toml(text: &str) -> Result<Self, PlatformError> {
        toml_text::read(text).map_err(PlatformError::Text)
    }

    /// The platform as a TOML text that [`Platform::from_toml`] reads.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml_text::write(&PlatformFile::from(self.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::presets::PRESETS;

    #[test]
    fn presets_survive_the_way_through_toml() {
        for preset in PRESETS {
            let platform = Platform::preset(preset.name).unwrap();
            assert_eq!(Platform::from_toml(&platform.to_toml()), Ok(platform));
        }
    }

    #[test]
    fn unknown_fields_are_refused() {
        let text = Platform::preset("fvp").unwrap().to_toml();
        let wrong = text.replace("lpa2", "lpa3");
        assert!(Platform::from_toml(&wrong).unwrap_err().to_string().contains("lpa3"));
    }
}

//! What is kept beside a lock file.

use std::path::Path;

use crate::cli::locks::Sha256Hex;
use crate::cli::reach::Reach;
use crate::measure::image::Image;
use crate::predict::sha256;

/// A file beside the lock file, if it is the one that was written with it.
pub(super) fn unchanged(path: &Path, reach: &Reach, wanted: &Sha256Hex) -> Result<Image, String> {
    reach.check(path).map_err(|error| error.to_string())?;
    let image = Image::read(path).map_err(|error| error.to_string())?;
    if sha256(&image, 0) != wanted.0 {
        return Err("is not what was locked".to_owned());
    }
    Ok(image)
}

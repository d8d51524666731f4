//! Folders in the place of files.

use std::path::{Path, PathBuf};

use super::file::Problem;

/// Replaces folders by the files in them that have one of these extensions, sorted; files are taken
/// as they are.
pub(crate) fn expand(paths: &[PathBuf], extensions: &[&str]) -> (Vec<PathBuf>, Vec<Problem>) {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        if let Err(source) = search(path, extensions, &mut found) {
            problems.push(Problem::Io { path: path.clone(), source });
        }
        if found.is_empty() {
            let wanted = extensions.join(" or .");
            let wanted = format!(".{wanted}");
            problems.push(Problem::NothingFound { path: path.clone(), wanted });
        }
        found.sort();
        files.append(&mut found);
    }
    (files, problems)
}

fn search(dir: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        // Links to folders are not followed: they can make a circle.
        if entry.file_type()?.is_dir() {
            search(&path, extensions, found)?;
        } else if path.extension().is_some_and(|e| extensions.iter().any(|wanted| e == *wanted)) {
            found.push(path);
        }
    }
    Ok(())
}

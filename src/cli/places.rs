//! Where files stand, as others name them.

use std::path::{Component, Path, PathBuf};

use crate::encoding::shown::ShowPath as _;

/// The folder of a file; empty for the working folder.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// `path` as seen from the folder `from`; both may be relative to the working folder.
pub(crate) fn relative(path: &Path, from: &Path) -> Result<String, String> {
    let absolute = |path: &Path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let found = std::path::absolute(path).map_err(|error| error.to_string())?;
        Ok::<_, String>(lexical(&found))
    };
    let (path, from) = (absolute(path)?, absolute(from)?);
    let (mut rest, mut base) = (path.components().peekable(), from.components().peekable());
    while rest.peek().is_some() && rest.peek() == base.peek() {
        rest.next();
        base.next();
    }
    let up = base.map(|_| Component::ParentDir);
    let found: PathBuf = up.chain(rest).collect();
    let parts = found.components().map(|part| part.as_os_str().to_str());
    let parts: Option<Vec<&str>> = parts.collect();
    let parts = parts.ok_or_else(|| format!("{}: the name is not UTF-8", path.shown()))?;
    Ok(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

/// A path without `.` and, as far as names alone tell, without `..`.
fn lexical(path: &Path) -> PathBuf {
    let mut found = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(found.pop()),
            other => found.push(other),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths() {
        for (path, from, wanted) in [
            ("/a/b/c", "/a/b", "c"),
            ("/a/x/c", "/a/b", "../x/c"),
            ("/a/b/../c", "/a/./b", "../c"),
            ("/c", "/a/b", "../../c"),
            ("x", ".", "x"),
            ("x/../y", "", "y"),
            ("x", "x", "."),
        ] {
            let found = relative(Path::new(path), Path::new(from));
            assert_eq!(found.as_deref(), Ok(wanted), "{path}");
        }
    }
}

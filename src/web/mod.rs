//! The pages of agents, supervisors and admins, as they were built from TypeScript into this program (`build.rs`).
//!
//! Owns which file answers which path and how long a browser may keep it. Knows nothing of HTTP's rest, nor of what the
//! pages do: that is `src/web/pages`, and they ask for everything over the API.

pub mod hub;
pub mod setup;

use include_dir::{Dir, include_dir};

static FILES: Dir<'_> = include_dir!("$OUT_DIR/web");

/// The document that every page begins with.
const DOCUMENT: &str = "index.html";
/// Where files are whose names change with what is in them.
const HASHED: &str = "assets/";
/// Paths of pages: what else is behind them the pages read themselves.
pub const PAGES: [&str; 4] = ["/", "/desk", "/watch", "/admin"];

/// A file as it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// As it is.
    pub plain: &'static [u8],
    /// The same packed with gzip (RFC 1952), where that was worth it.
    pub gzip: Option<&'static [u8]>,
    /// What it is.
    pub content_type: &'static str,
    /// Whether it never changes under this name.
    pub lasting: bool,
}

/// The document that all pages share.
pub fn document() -> Option<File> {
    file(DOCUMENT)
}

/// A file by its path below `/`.
pub fn file(path: &str) -> Option<File> {
    let own = |path: &str| FILES.get_file(path).map(include_dir::File::contents);
    let plain = own(path)?;
    Some(File {
        plain,
        // A few octets get more by packing.
        gzip: own(&format!("{path}.gz")).filter(|packed| packed.len() < plain.len()),
        content_type: content_type(path)?,
        lasting: path.starts_with(HASHED),
    })
}

/// Every file and how many bytes of it travel to a browser.
pub fn sizes() -> Vec<(String, usize)> {
    let folders = std::iter::once(&FILES).chain(FILES.dirs());
    let files = folders.flat_map(|folder| folder.files());
    let paths = files.filter_map(|own| own.path().to_str());
    let sized = |path: &str| {
        let own = file(path)?;
        Some((path.to_owned(), own.gzip.unwrap_or(own.plain).len()))
    };
    paths.filter_map(sized).collect()
}

/// Whether the pages are in this program.
pub fn is_built() -> bool {
    FILES.get_dir("assets").is_some()
}

/// Nothing for what is not meant to be sent, such as what is packed.
fn content_type(path: &str) -> Option<&'static str> {
    Some(match path.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_there_and_nothing_outside_is() {
        let document = document().expect("a document, with npm or without");
        assert!(!document.lasting && document.content_type.starts_with("text/html"));
        for path in ["index.html.gz", "assets", "", "../Cargo.toml", "/index.html", "package.json"]
        {
            assert_eq!(file(path), None, "{path}");
        }
    }

    #[test]
    fn the_document_names_files_that_are_there() {
        let text = String::from_utf8_lossy(document().expect("a document").plain);
        let named = text.split('"').filter(|part| part.starts_with("/assets/"));
        for path in named {
            let own = file(&path[1..]).unwrap_or_else(|| panic!("{path} is named and not there"));
            let packed = own.gzip.map(<[u8]>::len);
            assert!(own.lasting && (packed.is_some() || own.plain.len() < 100), "{path}");
            assert!(packed.is_none_or(|packed| packed < own.plain.len()), "{path}");
        }
        assert_eq!(text.contains("/assets/"), is_built());
        assert!(!text.contains("<style") && !text.contains("onload="), "nothing inline");
    }
}

//! The page of a hub: a document, a script and a sheet of styles, the same for everybody.

/// A file by its path.
pub fn file(path: &str) -> Option<(&'static str, &'static str)> {
    Some(match path {
        "/" => ("text/html; charset=utf-8", include_str!("hub/index.html")),
        "/hub.css" => ("text/css; charset=utf-8", include_str!("hub/hub.css")),
        "/hub.js" => ("text/javascript; charset=utf-8", include_str!("hub/hub.js")),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_only_what_is_there_and_nothing_stands_inside_it() {
        let (_, document) = file("/").expect("a document");
        let named: Vec<_> = document.split('"').filter(|part| part.starts_with('/')).collect();
        assert_eq!(named.len(), 2);
        assert!(named.iter().all(|path| file(path).is_some()), "{named:?}");
        assert!(
            !document.contains("<style")
                && !document.contains("onload=")
                && !document.contains("style=")
        );
        let (_, script) = file("/hub.js").expect("a script");
        assert!(!script.contains("innerHTML") && !script.contains("http"));
    }
}

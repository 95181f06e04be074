//! What a file is, by its own bytes.

/// What is said of bytes that are nothing which is known.
const BYTES: &str = "application/octet-stream";

/// The MIME type on which a file's bytes and its sender agree. Bytes that are known decide; text has no mark of its own and
/// is what its sender says, where that is plain. Everything else is bytes: nobody opens by mistake what it only claims to
/// be.
pub fn agreed(bytes: &[u8], said: Option<&str>) -> String {
    let said = said.and_then(|said| said.split(';').next()).unwrap_or_default();
    let said = said.trim().to_ascii_lowercase();
    let own = match known(bytes) {
        Some(own) => own,
        None if plain_text(bytes, &said) => return said,
        None => return BYTES.to_owned(),
    };
    let family = |mime: &str| mime.split('/').next().unwrap_or_default().to_owned();
    let container = own == "application/zip"
        && (said.contains("officedocument") || said.contains("opendocument"));
    match said.as_str() {
        "" | BYTES => own.to_owned(),
        _ if container => said,
        // A container of sound and of pictures that move is what its sender says.
        _ if matches!(own, "video/mp4" | "audio/ogg" | "video/webm")
            && matches!(family(&said).as_str(), "audio" | "video") =>
        {
            said
        }
        _ if family(&said) == family(own) => own.to_owned(),
        _ => BYTES.to_owned(),
    }
}

fn known(bytes: &[u8]) -> Option<&'static str> {
    let starts = |mark: &[u8]| bytes.starts_with(mark);
    let at =
        |from: usize, mark: &[u8]| bytes.get(from..).is_some_and(|rest| rest.starts_with(mark));
    Some(match () {
        () if starts(b"\xff\xd8\xff") => "image/jpeg",
        () if starts(b"\x89PNG\r\n\x1a\n") => "image/png",
        () if starts(b"GIF87a") || starts(b"GIF89a") => "image/gif",
        () if starts(b"RIFF") && at(8, b"WEBP") => "image/webp",
        () if starts(b"RIFF") && at(8, b"WAVE") => "audio/wav",
        () if at(4, b"ftyphei") || at(4, b"ftypmif1") => "image/heic",
        () if at(4, b"ftyp") => "video/mp4",
        () if starts(b"OggS") => "audio/ogg",
        () if starts(b"#!AMR") => "audio/amr",
        () if starts(b"ID3") || starts(b"\xff\xfb") || starts(b"\xff\xf3") => "audio/mpeg",
        () if starts(b"\xff\xf1") || starts(b"\xff\xf9") => "audio/aac",
        () if starts(b"\x1aE\xdf\xa3") => "video/webm",
        () if starts(b"%PDF-") => "application/pdf",
        () if starts(b"PK\x03\x04") => "application/zip",
        () => return None,
    })
}

/// Text that a browser runs nothing of.
fn plain_text(bytes: &[u8], said: &str) -> bool {
    let harmless = ["text/plain", "text/csv", "text/vcard", "text/x-vcard", "text/calendar"];
    harmless.contains(&said) && !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_says_it_is_a_picture_is_bytes() {
        for (bytes, said, wanted) in [
            (&b"\xff\xd8\xff\xe0"[..], "image/jpeg", "image/jpeg"),
            (b"\x89PNG\r\n\x1a\n", "image/jpeg", "image/png"),
            (b"<html><script>", "image/jpeg", BYTES),
            (b"<svg onload=x>", "image/svg+xml", BYTES),
            (b"<html>", "text/html", BYTES),
            (b"%PDF-1.7", "", "application/pdf"),
            (b"%PDF-1.7", "image/png", BYTES),
            (b"OggS", "audio/ogg; codecs=opus", "audio/ogg"),
            (b"\0\0\0 ftypisom", "audio/mp4", "audio/mp4"),
            (b"a,b\n", "text/csv", "text/csv"),
            (b"a\0b", "text/plain", BYTES),
            (
                b"PK\x03\x04",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            ),
            (b"", "", BYTES),
        ] {
            assert_eq!(agreed(bytes, Some(said)), wanted, "{said}");
        }
    }
}

//! Text as people read it, from what letters hold: HTML without anything that acts, flowed lines put together.

use mail_parser::decoders::html::html_to_text;

/// Longest address that is shown behind the words that lead to it: trackers make them longer.
const LONGEST_ADDRESS: usize = 300;
/// Tags before which a new line begins; everything else stays in its line.
const BLOCKS: [&str; 22] = [
    "div",
    "/div",
    "tr",
    "/table",
    "table",
    "li",
    "/ul",
    "/ol",
    "h1",
    "h2",
    "h3",
    "h4",
    "/h1",
    "/h2",
    "/h3",
    "/h4",
    "hr",
    "blockquote",
    "/blockquote",
    "section",
    "article",
    "p",
];

/// HTML as text. Scripts, styles and comments are gone; words that lead somewhere else are followed by where.
pub fn from_html(html: &str) -> String {
    tidy(&html_to_text(&marked(html)))
}

/// The same HTML with marks that the reader of it understands: new lines, and where words lead.
fn marked(html: &str) -> String {
    let mut out = String::with_capacity(html.len() + html.len() / 8);
    let (mut rest, mut leads) = (html, None);
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        // A tag without an end is text that nobody meant as one: all of the rest is left to the reader.
        let Some(end) = tag.find('>') else { break };
        let (tag, behind) = tag.split_at(end + 1);
        rest = behind;
        let name = name(tag);
        if BLOCKS.iter().any(|block| name.eq_ignore_ascii_case(block)) {
            out.push_str("<br>");
        }
        match () {
            () if name.eq_ignore_ascii_case("a") => leads = address(tag),
            () if name.eq_ignore_ascii_case("/a") => {
                if let Some(to) = leads.take() {
                    out.push_str(&format!(" ({to}) "));
                }
            }
            () => {}
        }
        out.push_str(tag);
        if name.eq_ignore_ascii_case("li") {
            out.push_str("- ");
        }
    }
    out + rest
}

/// A tag's name, with the slash of one that ends.
fn name(tag: &str) -> &str {
    let inner = tag.get(1..).unwrap_or_default();
    let slash = usize::from(inner.starts_with('/'));
    let end = inner.bytes().skip(slash).position(|b| !b.is_ascii_alphanumeric());
    inner.get(..end.map_or(inner.len(), |end| end + slash)).unwrap_or_default()
}

/// Where the tag of a link leads, where that is a plain address of the web.
fn address(tag: &str) -> Option<&str> {
    let lower = tag.to_ascii_lowercase();
    let at = lower.find("href=")? + "href=".len();
    let value = tag.get(at..)?.trim_start_matches(['"', '\'']);
    let end = value.find(['"', '\'', ' ', '>', '\n', '\r', '\t']).unwrap_or(value.len());
    let value = value.get(..end)?;
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'(' | b')');
    let web = ["https://", "http://"].iter().any(|scheme| value.starts_with(scheme));
    (web && value.len() <= LONGEST_ADDRESS && value.bytes().all(plain)).then_some(value)
}

/// Lines that a program has folded, put together (RFC 3676 section 4.2). `delete` is its `DelSp=yes`.
pub fn flowed(text: &str, delete: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.strip_prefix(' ').unwrap_or(line);
        let soft = line.ends_with(' ') && line != "-- ";
        out.push_str(if soft && delete { &line[..line.len() - 1] } else { line });
        if !soft {
            out.push('\n');
        }
    }
    out
}

/// Text with one kind of line end, nothing behind its lines, no more than one empty line in a row, and no characters that
/// act on a screen.
pub fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines() {
        let line: String = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        let line = line.trim_end_matches([' ', '\t', '\u{a0}']);
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_lines_and_nothing_of_it_acts() {
        let html = "<html><head><title>x</title><style>p{}</style></head><body><div>Dear branch,</div><div><br></div>\
                    <script>alert('&lt;b&gt;')</script><!-- hidden <b>never</b> --><p>we want &euro;&nbsp;5 &amp; more</p>\
                    <ul><li>one</li><li>two</li></ul>see <a href=\"https://a.example/x?y=1\">this</a>\
                    <a href=\"javascript:alert(1)\">not this</a></body></html>";
        let text = from_html(html);
        let wanted = "Dear branch,\n\nwe want €\u{a0}5 & more\n\n- one\n- two\nsee this (https://a.example/x?y=1) not this";
        assert_eq!(text, wanted);
    }

    #[test]
    fn html_that_is_broken_is_read_as_far_as_it_goes() {
        for html in [
            "<",
            "<a href=",
            "a < b and b > c",
            "<div",
            "<!--",
            "&#x110000;&bogus;",
            "<a href='http://x'>é</A>",
        ] {
            let _ = from_html(html);
        }
        assert_eq!(from_html("1 &lt; 2<br>ünd"), "1 < 2\nünd");
    }

    #[test]
    fn flowed_lines_are_put_together_and_a_signature_is_none() {
        let text = "This goes \r\non here.\r\n From me\r\n-- \r\nAnn\r\n";
        assert_eq!(flowed(text, false), "This goes on here.\nFrom me\n-- \nAnn\n");
        assert_eq!(flowed("Donau \ndampf\n", true), "Donaudampf\n");
    }

    #[test]
    fn what_acts_on_a_screen_is_taken_out() {
        assert_eq!(tidy("a\u{1b}[31m\0b  \n\n\n\nc\n\n"), "a[31mb\n\nc");
    }
}

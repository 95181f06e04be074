//! What stands behind the colon of an answer.

/// What stands behind `prefix` and its colon, where `line` begins so: `after("+CSQ: 20,99", "+CSQ")` is `20,99`.
pub fn after<'a>(line: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = line.trim_start().split_at_checked(prefix.len())?;
    let rest = rest.trim_start().strip_prefix(':')?;
    head.eq_ignore_ascii_case(prefix).then(|| rest.trim())
}

/// Values between commas. A comma inside quotes or brackets belongs to its value; quotes around a whole value are taken off.
pub fn fields(text: &str) -> Vec<&str> {
    let (mut quoted, mut depth, mut start) = (false, 0usize, 0);
    let mut found = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                found.push(unquoted(&text[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(unquoted(&text[start..]));
    found
}

/// Values between commas, whatever their quotes: for answers in which modems forget one of a pair.
pub fn loose(text: &str) -> Vec<&str> {
    text.split(',').map(|field| field.trim().trim_matches('"').trim()).collect()
}

fn unquoted(field: &str) -> &str {
    let field = field.trim();
    let inner = field.strip_prefix('"').map(|rest| rest.strip_suffix('"').unwrap_or(rest));
    inner.unwrap_or(field)
}

/// Octets that are written as digits of base 16, two for each. Nothing where it is anything else.
pub fn octets(hex: &str) -> Option<Vec<u8>> {
    let hex = hex.trim().as_bytes();
    if hex.is_empty() || !hex.len().is_multiple_of(2) {
        return None;
    }
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
    hex.chunks(2).map(|pair| Some((digit(pair[0])? << 4) | digit(pair[1])?)).collect()
}

/// The same written out, in capitals, as modems expect.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut out, octet| {
        for digit in [octet >> 4, octet & 15] {
            out.push(char::from_digit(digit.into(), 16).unwrap_or('0').to_ascii_uppercase());
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_brackets_keep_commas() {
        assert_eq!(fields(r#"1,"a,b",15"#), ["1", "a,b", "15"]);
        assert_eq!(fields(r#"("SM","ME"),("SM")"#), [r#"("SM","ME")"#, r#"("SM")"#]);
        assert_eq!(fields(r#"1,"open"#), ["1", "open"]);
        assert_eq!(fields(""), [""]);
        assert_eq!(loose(r#"2,1,"00A1,0BCD""#), ["2", "1", "00A1", "0BCD"]);
    }

    #[test]
    fn octets_are_read_and_written() {
        assert_eq!(octets("00fF10"), Some(vec![0, 255, 16]));
        assert_eq!(hex(&[0, 255, 16]), "00FF10");
        assert_eq!(octets("0"), None);
        assert_eq!(octets("0g"), None);
        assert_eq!(octets("é0"), None);
        assert_eq!(after("+CSQ : 20,99 ", "+csq"), Some("20,99"));
        assert_eq!(after("+CSQX: 20", "+CSQ"), None);
    }
}

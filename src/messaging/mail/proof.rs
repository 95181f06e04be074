//! Whether a server that the site trusts has proved who sent a letter, as it says in Authentication-Results (RFC 8601).

use mail_parser::Message;

/// Whether the letter is shown to be from the host `domain`, by the word of `trusted`. That server takes such words out of
/// what others send (RFC 8601 section 5); a site that names one relies on it.
pub fn is_proved(letter: &Message<'_>, trusted: &str, domain: &str) -> bool {
    let words = letter
        .headers_raw()
        .filter(|(name, _)| name.eq_ignore_ascii_case("Authentication-Results"));
    words.into_iter().any(|(_, value)| proves(&without_comments(value), trusted, domain))
}

fn proves(value: &str, trusted: &str, domain: &str) -> bool {
    let mut parts = value.split(';');
    let by = parts.next().and_then(|first| first.split_whitespace().next()).unwrap_or_default();
    by.trim_matches('"').eq_ignore_ascii_case(trusted) && parts.any(|result| shows(result, domain))
}

/// Whether one result is a pass that speaks of this host: DMARC of the From itself, DKIM and SPF of the same organisation.
fn shows(result: &str, domain: &str) -> bool {
    let mut words = result.split_whitespace();
    let method = words.next().unwrap_or_default().to_ascii_lowercase();
    let values: Vec<_> = words.filter_map(|word| word.split_once('=')).collect();
    let of = |name: &str| {
        let found = values.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| host(value.trim_matches('"')))
    };
    match method.as_str() {
        "dmarc=pass" => of("header.from").is_none_or(|from| from.eq_ignore_ascii_case(domain)),
        "dkim=pass" => of("header.d").or(of("header.i")).is_some_and(|by| aligned(by, domain)),
        "spf=pass" => of("smtp.mailfrom").is_some_and(|by| aligned(by, domain)),
        _ => false,
    }
}

fn host(value: &str) -> &str {
    value.rsplit_once('@').map_or(value, |(_, host)| host)
}

/// Whether `by` is the host itself or one above it that somebody may own: with a point in it.
fn aligned(by: &str, domain: &str) -> bool {
    let (by, domain) = (by.to_ascii_lowercase(), domain.to_ascii_lowercase());
    let above = by.contains('.') && domain.ends_with(&by) && {
        domain.len() > by.len() && domain.as_bytes().get(domain.len() - by.len() - 1) == Some(&b'.')
    };
    by == domain || above
}

/// The value without what stands in parentheses, which is for people (RFC 5322 section 3.2.2).
fn without_comments(value: &str) -> String {
    let mut depth = 0_usize;
    value
        .chars()
        .filter(|c| match c {
            '(' => {
                depth += 1;
                false
            }
            ')' => {
                depth = depth.saturating_sub(1);
                false
            }
            _ => depth == 0,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_server_proves_and_only_the_host_it_speaks_of() {
        let proved = |value: &str| proves(&without_comments(value), "mx.example", "shop.example");
        for good in [
            "mx.example; dmarc=pass (p=none) header.from=shop.example",
            "MX.example 1; spf=fail; dkim=pass header.d=shop.example header.s=x",
            "mx.example; spf=pass smtp.mailfrom=ann@shop.example",
            "mx.example; dkim=pass header.i=@shop.example",
        ] {
            assert!(proved(good), "{good}");
        }
        for bad in [
            "other.example; dmarc=pass header.from=shop.example",
            "mx.example; dmarc=fail header.from=shop.example",
            "mx.example; dmarc=pass header.from=evil.example",
            "mx.example; dkim=pass header.d=evil.example",
            "mx.example; dkim=pass header.d=example; spf=pass smtp.mailfrom=evil.example",
            "mx.example; none",
            "mx.example (; dmarc=pass header.from=shop.example)",
            "",
        ] {
            assert!(!proved(bad), "{bad}");
        }
        assert!(
            aligned("shop.example", "mail.shop.example") && !aligned("hop.example", "shop.example")
        );
    }
}

//! What a person at the box can see of it: its cards, its disk, its clock, what answers. `status` and the console both show it;
//! what follows from it stands in [`appliance::trouble`](crate::appliance::trouble).

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use crate::admin::{Command, ModemReply, Reply, Status};
use crate::appliance::trouble::{Link, Seen, Trouble, troubles};
use crate::cli::ask;
use crate::driver::clock;
use crate::time::UnixTime;

/// Where the system's cards are.
const CARDS: &str = "/sys/class/net";
/// What set-up said of the last stick.
pub const STICK: &str = "/run/branchline-site.result";
/// Where the data is, if the box does not say.
pub const DATA: &str = "/var/lib/branchline";

/// Everything that is wrong with this machine. `status` is what the box itself has said, if it has.
pub fn look(socket: &Path, status: Option<&Status>, at: Option<i64>) -> Vec<Trouble> {
    troubles(&Seen {
        answers: status.is_some(),
        disk: disk(Path::new(DATA)),
        cards: cards(Path::new(CARDS)),
        way_out: way_out(),
        clock: at.map_or_else(
            || clock::now().unix,
            |seconds| UnixTime(seconds.saturating_mul(1_000_000)),
        ),
        stick: fs::read_to_string(STICK).ok().as_deref().and_then(refused),
        modems: if status.is_some() { modems(socket) } else { Vec::new() },
    })
}

/// How full the disk is, as programs without root's rights feel it.
fn disk(folder: &Path) -> Option<u8> {
    let all =
        nix::sys::statvfs::statvfs(folder).or_else(|_| nix::sys::statvfs::statvfs("/")).ok()?;
    let free = u128::from(all.blocks_available());
    let used = u128::from(all.blocks()) - u128::from(all.blocks_free());
    let percent = (used * 100).div_ceil((used + free).max(1));
    u8::try_from(percent).ok()
}

/// Whether this is a machine's own card: no bridge, no tunnel, no radio. In a container, its end of the cable is one, and so is
/// whatever somebody has given a card's name.
pub fn is_card(path: &Path, name: &str) -> bool {
    let kind = fs::read_to_string(path.join("type")).unwrap_or_default();
    let is_named = name == "lan0" || name == "wan0" || name.starts_with("host");
    kind.trim() == "1"
        && (is_named || path.join("device").exists())
        && !path.join("wireless").exists()
}

/// The cards that are machines' own.
pub fn cards(folder: &Path) -> Option<Vec<Link>> {
    let own = crate::driver::addresses_of_cards();
    let mut links: Vec<Link> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| is_card(&folder.join(name), name))
        .map(|name| {
            // A card that is switched off does not tell.
            let carrier = fs::read_to_string(folder.join(&name).join("carrier"));
            let addresses = own.iter().filter(|(card, _)| *card == name).map(|(_, own)| *own);
            Link {
                carrier: carrier.is_ok_and(|text| text.trim() == "1"),
                addresses: addresses.collect(),
                name,
            }
        })
        .collect();
    links.sort_by(|a, b| a.name.cmp(&b.name));
    Some(links)
}

/// Whether the kernel knows where to send what is for others: a route to everywhere, of either family.
fn way_out() -> bool {
    let v4 = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let v6 = fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
    let everywhere = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some("00000000") && words.nth(5) == Some("00000000")
    };
    let all_v6 = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        matches!(words.as_slice(), [to, "00", .., card] if to.bytes().all(|b| b == b'0') && *card != "lo")
    };
    v4.lines().any(everywhere) || v6.lines().any(all_v6)
}

fn modems(socket: &Path) -> Vec<(String, String, String)> {
    let order = crate::admin::ModemOrder::List;
    let Ok(Reply::Modem(ModemReply::List(lines))) = ask::ask(socket, &Command::Modem { order })
    else {
        return Vec::new();
    };
    let ill = lines.into_iter().filter(|line| !matches!(line.state.as_str(), "ready" | "roaming"));
    ill.map(|line| (line.name, line.state, line.words)).collect()
}

/// The first mistake in what set-up has written down, with its place; nothing where it took the sheet.
fn refused(result: &str) -> Option<String> {
    if !result.starts_with("NOT set up") {
        return None;
    }
    let lines = || result.lines().map(str::trim);
    let after = |mark: &str| lines().find_map(|line| line.strip_prefix(mark)).map(str::to_owned);
    let Some(mistake) = after("error: ") else {
        return after("NOT set up: ");
    };
    let place = after("--> ").map_or(String::new(), |place| place + ": ");
    let nearest = after("= did you mean ")
        .map_or(String::new(), |own| format!(", did you mean {}", own.trim_end_matches('?')));
    // One sentence is made of it.
    Some(format!("{place}{mistake}{nearest}").replace(". ", ", "))
}

/// Addresses at which pages are found, the given ones first.
pub fn addresses(links: &[Link]) -> Vec<IpAddr> {
    let mut all: Vec<IpAddr> = links.iter().flat_map(|link| link.addresses.clone()).collect();
    all.sort_by_key(|address| (crate::appliance::trouble::is_own(*address), address.is_ipv6()));
    all.retain(|address| !address.is_loopback());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_mistake_of_a_sheet_is_told_in_a_few_words() {
        let text = "NOT set up: nothing was changed.\r\n\r\nerror: unknown key `trunks`\r\n --> site.toml:5:2\r\n  |\r\n5 | [trunks]\r\n  = did you \
                    mean `trunk`?\r\n\r\n1 error, 0 warnings\r\n";
        assert_eq!(
            refused(text).as_deref(),
            Some("site.toml:5:2: unknown key `trunks`, did you mean `trunk`")
        );
        assert_eq!(
            refused("NOT set up: the box does not answer\n").as_deref(),
            Some("the box does not answer")
        );
        assert_eq!(refused("The box is set up.\n  site ..."), None);
    }
}

//! Answers as people read them: tables, a status page for a terminal, CSV and JSON.

use std::fmt::Write;
use std::time::Duration;

use crate::admin::{
    ActiveCall, Agent, Ban, CallLine, Lamp, Mailbox, Phone, PhoneSheet, Queue, Reply, Spending,
    Status, Trunk,
};
use crate::call::budget::Measure;
use crate::call::consent::Consent;
use crate::time::UnixTime;

/// Any answer as one JSON document.
pub fn json(reply: &Reply) -> String {
    let value = match reply {
        Reply::Status(status) => serde_json::to_string_pretty(status),
        Reply::ActiveCalls(calls) => serde_json::to_string_pretty(calls),
        Reply::CallRecords(calls) => serde_json::to_string_pretty(calls),
        Reply::Queues(queues) => serde_json::to_string_pretty(queues),
        Reply::Waiting(items) => serde_json::to_string_pretty(items),
        Reply::Explained(told) => serde_json::to_string_pretty(told),
        Reply::Agents(agents) => serde_json::to_string_pretty(agents),
        Reply::Trunks(trunks) => serde_json::to_string_pretty(trunks),
        Reply::Phones(phones) => serde_json::to_string_pretty(phones),
        Reply::Ladder(ladder) => serde_json::to_string_pretty(ladder),
        Reply::Metrics(text) => serde_json::to_string_pretty(text),
        Reply::Bans(bans) => serde_json::to_string_pretty(bans),
        Reply::Spending(spending) => serde_json::to_string_pretty(spending),
        Reply::Dispositions(known) => serde_json::to_string_pretty(known),
        Reply::Mailboxes(mailboxes) => serde_json::to_string_pretty(mailboxes),
        Reply::PhoneUrl { url, minutes } => {
            serde_json::to_string_pretty(&serde_json::json!({ "url": url, "minutes": minutes }))
        }
        Reply::Ordered(done) => serde_json::to_string_pretty(done),
        Reply::Person(dossier) => serde_json::to_string_pretty(dossier),
        Reply::People(page) => serde_json::to_string_pretty(page),
        Reply::Records(page) => serde_json::to_string_pretty(page),
        Reply::Erasures(proofs) => serde_json::to_string_pretty(proofs),
        Reply::Timeline(moments) => serde_json::to_string_pretty(moments),
        Reply::Conversations(lines) => serde_json::to_string_pretty(lines),
        Reply::Conversation(page) => serde_json::to_string_pretty(page),
        Reply::Message(message) => serde_json::to_string_pretty(message),
        Reply::Hits(hits) => serde_json::to_string_pretty(hits),
        Reply::CallQuality(quality) => serde_json::to_string_pretty(quality),
        Reply::OneCall(call) => serde_json::to_string_pretty(call),
        Reply::Recordings(page) => serde_json::to_string_pretty(page),
        Reply::Route(run) => serde_json::to_string_pretty(run),
        Reply::Users(users) => serde_json::to_string_pretty(users),
        Reply::User(user) => serde_json::to_string_pretty(user),
        Reply::Begun(call) => serde_json::to_string_pretty(call),
        Reply::Tokens(tokens) => serde_json::to_string_pretty(tokens),
        Reply::Acts(page) => serde_json::to_string_pretty(page),
        Reply::Crm(line) => serde_json::to_string_pretty(line),
        Reply::CrmTest(test) => serde_json::to_string_pretty(test),
        Reply::SiteEvents(taken) => serde_json::to_string_pretty(taken),
        Reply::Journeys(journeys) => serde_json::to_string_pretty(journeys),
        Reply::Errands(lines) => serde_json::to_string_pretty(lines),
        Reply::Made(item) => serde_json::to_string_pretty(item),
        Reply::Queued { message, .. } => serde_json::to_string_pretty(message),
        Reply::Messages(lines) => serde_json::to_string_pretty(lines),
        Reply::Webhooks(hooks) => serde_json::to_string_pretty(hooks),
        Reply::DeadWebhooks(dead) => serde_json::to_string_pretty(dead),
        Reply::Config(reply) => serde_json::to_string_pretty(reply),
        Reply::Parts(line) => serde_json::to_string_pretty(line),
        Reply::Articles(all) => serde_json::to_string_pretty(all),
        Reply::Article(one) => serde_json::to_string_pretty(one),
        Reply::PhoneCode(code) => serde_json::to_string_pretty(code),
        Reply::Modem(reply) => serde_json::to_string_pretty(reply),
        Reply::Smpp(lines) => serde_json::to_string_pretty(lines),
        Reply::Uplink(line) => serde_json::to_string_pretty(line),
        Reply::Health(..)
        | Reply::Done
        | Reply::Refused(_)
        | Reply::NotAllowed(_)
        | Reply::Declined(_)
        | Reply::Conflict(_)
        | Reply::NotReady(_) => serde_json::to_string_pretty(reply),
    };
    value.map_or_else(|_| String::new(), |text| text + "\n")
}

/// Any answer for a terminal.
pub fn table(reply: &Reply) -> String {
    match reply {
        Reply::Status(status) => status_page(status),
        Reply::ActiveCalls(calls) => active_calls(calls),
        Reply::CallRecords(calls) => call_records(calls),
        Reply::Queues(queues) => queue_table(queues),
        Reply::Waiting(items) => super::queues::waiting(items),
        Reply::Explained(told) => super::queues::explained(told),
        Reply::Agents(agents) => agent_table(agents),
        Reply::Trunks(trunks) => trunk_table(trunks),
        Reply::Phones(phones) => phone_table(phones),
        Reply::Ladder(ladder) => super::calls::drawn(ladder),
        Reply::Metrics(text) => text.clone(),
        Reply::Bans(bans) => ban_table(bans),
        Reply::Spending(spending) => spending_page(spending),
        Reply::Dispositions(known) => known.iter().map(|own| format!("{}\n", own.code)).collect(),
        Reply::Mailboxes(mailboxes) => mailbox_table(mailboxes),
        Reply::PhoneUrl { url, minutes: None } => format!("{url}\n"),
        Reply::PhoneUrl { url, minutes: Some(minutes) } => {
            format!("{url}\nGood for one fetch within {minutes} minutes.\n")
        }
        Reply::Ordered(done) => super::contact::ordered(done),
        Reply::Person(dossier) => super::contact::page(dossier),
        Reply::Erasures(proofs) => super::contact::proofs(proofs),
        Reply::Crm(line) => super::crm::page(line),
        Reply::CrmTest(test) => super::crm::tried(test),
        Reply::Journeys(journeys) => super::journey::table(journeys),
        Reply::Hits(hits) => super::contact::hits(hits),
        Reply::Errands(lines) => super::work::table(lines),
        Reply::Made(item) => format!("{item}\n"),
        Reply::Queued { message, .. } => format!("{message}\n"),
        Reply::Webhooks(hooks) => super::webhooks::table(hooks),
        Reply::DeadWebhooks(dead) => super::webhooks::dead(dead),
        Reply::Users(users) => super::access::user_table(users),
        Reply::User(user) => super::access::user_table(std::slice::from_ref(user)),
        Reply::Tokens(tokens) => super::access::token_table(tokens),
        Reply::Acts(page) => super::access::act_table(&page.items),
        // Only the API asks these, or whoever writes files of them.
        Reply::People(_) | Reply::Records(_) | Reply::SiteEvents(_) => json(reply),
        Reply::Config(reply) => super::config::page(reply),
        Reply::Articles(all) => {
            all.iter().map(|one| format!("{}  {}\n", one.article, one.title)).collect()
        }
        Reply::Article(one) => format!("{}\n{}\n", one.title, one.text),
        Reply::PhoneCode(code) => format!("{} {}\n", code.number, code.code),
        Reply::Parts(line) => format!("{} parts, {}\n", line.parts, line.encoding),
        Reply::Modem(reply) => super::modems::words(reply),
        Reply::Smpp(lines) => super::smpp::words(lines),
        Reply::Uplink(line) => super::uplink::page(line.as_deref()),
        Reply::Begun(_)
        | Reply::Health(..)
        | Reply::OneCall(_)
        | Reply::CallQuality(_)
        | Reply::Recordings(_)
        | Reply::Route(_)
        | Reply::Conversations(_)
        | Reply::Conversation(_)
        | Reply::Message(_)
        | Reply::Messages(_)
        | Reply::Timeline(_) => json(reply),
        Reply::Done => "done\n".to_owned(),
        Reply::Refused(why)
        | Reply::NotAllowed(why)
        | Reply::Conflict(why)
        | Reply::NotReady(why) => {
            format!("refused: {why}\n")
        }
        Reply::Declined(why) => format!("refused: {why}\n"),
    }
}

/// Call records as RFC 4180; every other answer as JSON, which has no flat form.
pub fn csv(reply: &Reply) -> String {
    let Reply::CallRecords(calls) = reply else { return json(reply) };
    let mut out = String::from(
        "call,arrived,answered,connected,ended,direction,origin,reached,from,to,duration_s,wait_s,talk_s,queue,agent,\
         cause,class,mos,loss_percent,jitter_ms,recordings,conference,consent\r\n",
    );
    for call in calls {
        let time = |at: Option<UnixTime>| at.map(|at| at.to_string()).unwrap_or_default();
        let recordings: Vec<_> = call.recordings.iter().map(ToString::to_string).collect();
        let fields = [
            call.call.to_string(),
            call.arrived.to_string(),
            time(call.answered),
            time(call.connected),
            call.ended.to_string(),
            call.direction.clone(),
            call.origin.clone(),
            call.reached.clone().unwrap_or_default(),
            call.from.clone(),
            call.to.clone(),
            format!("{:.3}", call.duration_s),
            format!("{:.3}", call.wait_s),
            format!("{:.3}", call.talk_s),
            call.queue.as_ref().map(ToString::to_string).unwrap_or_default(),
            call.agent.as_ref().map(ToString::to_string).unwrap_or_default(),
            call.cause.clone(),
            call.class.clone(),
            call.mos.map(|mos| format!("{mos:.2}")).unwrap_or_default(),
            call.loss_percent.map(|loss| format!("{loss:.2}")).unwrap_or_default(),
            call.jitter_ms.map(|jitter| format!("{jitter:.2}")).unwrap_or_default(),
            recordings.join(" "),
            call.conference.as_ref().map(ToString::to_string).unwrap_or_default(),
            consent(call.consent).to_owned(),
        ];
        let line: Vec<_> = fields.iter().map(|field| csv_field(field)).collect();
        out += &line.join(",");
        out += "\r\n";
    }
    out
}

/// What was said to being recorded, in a word.
fn consent(said: Option<Consent>) -> &'static str {
    match said {
        None => "not asked",
        Some(Consent { given: true, .. }) => "given",
        Some(Consent { given: false, .. }) => "refused",
    }
}

/// Quotes a field where it must be, and takes away the power of a spreadsheet formula: a number from the network
/// may begin with `=`, `+`, `-` or `@`.
fn csv_field(text: &str) -> String {
    let formula = text.starts_with(['=', '-', '@', '\t', '\r'])
        || (text.starts_with('+') && !text[1..].bytes().all(|b| b.is_ascii_digit()));
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

fn lamp(lamp: Lamp) -> &'static str {
    match lamp {
        Lamp::Green => "ok  ",
        Lamp::Amber => "LOOK",
        Lamp::Red => "DOWN",
    }
}

fn status_page(status: &Status) -> String {
    let mut out = String::new();
    let up = span(status.at.since(status.started));
    let state = if status.draining { ", draining" } else { "" };
    let _ = writeln!(out, "{}  branchline {}  up {up}{state}", status.site, status.version);
    let _ = writeln!(out);
    let _ = writeln!(
        out,
        "  calls    {:>5} of {:<6} waiting {:>4}    agents {} ready of {} signed in",
        status.calls,
        status.max_calls,
        status.waiting,
        status.agents_ready,
        status.agents_signed_in
    );
    let _ = writeln!(
        out,
        "  phones   {:>5} of {:<6} rtp ports {} of {}",
        status.phones_registered, status.extensions, status.ports_in_use, status.ports
    );
    let _ = writeln!(out);
    let width = status.parts.iter().map(|part| part.name.chars().count()).max().unwrap_or(0);
    for part in &status.parts {
        let _ = writeln!(out, "  [{}] {:<width$}  {}", lamp(part.lamp), part.name, part.words);
    }
    let _ = writeln!(out);
    for listener in &status.listeners {
        let _ = writeln!(out, "  listens  {listener}");
    }
    for (name, count) in status.counters.iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(out, "  counted  {count:>8}  {name}");
    }
    out
}

fn active_calls(calls: &[ActiveCall]) -> String {
    let rows = calls.iter().map(|call| {
        vec![
            call.call.to_string(),
            clock(call.arrived),
            call.from.clone(),
            call.to.clone(),
            match call.coded.is_empty() {
                true => call.doing.clone(),
                false => format!("{} ({})", call.doing, call.coded.join(", ")),
            },
            call.with.clone().unwrap_or_default(),
        ]
    });
    columns(&["CALL", "SINCE UTC", "FROM", "TO", "DOING", "WITH"], rows, "no call is up")
}

fn call_records(calls: &[CallLine]) -> String {
    let rows = calls.iter().map(|call| {
        // An echo test or a feature code keeps nobody waiting.
        let waited = call.queue.is_some() || call.connected.is_some() || call.answered.is_none();
        let who = match (&call.queue, &call.agent) {
            (Some(queue), Some(agent)) => format!("{queue}/{agent}"),
            (Some(queue), None) => queue.to_string(),
            _ => String::new(),
        };
        vec![
            call.call.to_string(),
            clock(call.arrived),
            call.direction.clone(),
            call.from.clone(),
            match &call.diverted_by {
                Some(by) => format!("{} (for {by})", call.to),
                None => call.to.clone(),
            },
            format!("{:.1}s", call.duration_s),
            if waited { format!("{:.1}s", call.wait_s) } else { String::new() },
            format!("{:.1}s", call.talk_s),
            who,
            call.cause.replace('_', " "),
            call.mos.map(|mos| format!("{mos:.1}")).unwrap_or_default(),
            if call.recordings.is_empty() { "" } else { "message" }.to_owned(),
        ]
    });
    let heads = [
        "CALL",
        "ARRIVED UTC",
        "WAY",
        "FROM",
        "TO",
        "LASTED",
        "WAIT",
        "TALK",
        "QUEUE",
        "ENDED",
        "MOS",
        "LEFT",
    ];
    columns(&heads, rows, "no call has ended yet")
}

fn queue_table(queues: &[Queue]) -> String {
    let rows = queues.iter().map(|queue| {
        vec![
            queue.queue.to_string(),
            queue.waiting.to_string(),
            queue.tasks.to_string(),
            format!("{}s", queue.longest_wait_s),
            super::queues::expected(queue),
            queue.ready.to_string(),
            queue.connected.to_string(),
            queue.abandoned.to_string(),
            queue.taken_out.to_string(),
            queue.overflowed.to_string(),
        ]
    });
    columns(
        &[
            "QUEUE",
            "WAITING",
            "TASKS",
            "LONGEST",
            "NEXT WAITS (HELD)",
            "READY",
            "CONNECTED",
            "GAVE UP",
            "TAKEN OUT",
            "OVERFLOW",
        ],
        rows,
        "no queue is configured: add a [[queue]] to gateway.toml",
    )
}

fn agent_table(agents: &[Agent]) -> String {
    let rows = agents.iter().map(|agent| {
        vec![
            agent.agent.to_string(),
            agent.extension.to_string(),
            agent.state.clone(),
            clock(agent.since),
        ]
    });
    columns(
        &["AGENT", "PHONE", "STATE", "SINCE UTC"],
        rows,
        "no agent is configured: add an [[agent]] to gateway.toml",
    )
}

fn trunk_table(trunks: &[Trunk]) -> String {
    let rows = trunks.iter().map(|trunk| {
        vec![
            trunk.trunk.to_string(),
            lamp(trunk.lamp).trim().to_owned(),
            trunk.calls.to_string(),
            trunk.words.clone(),
        ]
    });
    columns(
        &["TRUNK", "LAMP", "CALLS", "STATE"],
        rows,
        "no trunk is configured: add a [[trunk]] to gateway.toml",
    )
}

fn phone_table(phones: &[Phone]) -> String {
    let rows = phones.iter().map(|phone| {
        let bindings = if phone.bindings.is_empty() {
            "not registered".to_owned()
        } else {
            phone.bindings.join("; ")
        };
        let sheet = |sheet: &PhoneSheet| {
            let fetched = sheet.fetched.map_or_else(|| "never".to_owned(), |at| at.to_string());
            format!("{} {} {}, fetched {fetched}", sheet.mac, sheet.make, sheet.model)
        };
        let sheets: Vec<_> = phone.sheets.iter().map(sheet).collect();
        let (set, sheets) = (phone.set.join(", "), sheets.join("; "));
        vec![phone.extension.to_string(), phone.name.clone(), bindings, set, sheets]
    });
    columns(
        &["EXTENSION", "NAME", "REGISTERED", "SET", "DESK PHONE"],
        rows,
        "no extension is configured: add an [[extension]] to gateway.toml",
    )
}

fn ban_table(bans: &[Ban]) -> String {
    let rows = bans.iter().map(|ban| {
        vec![
            ban.source.to_string(),
            ban.kind.clone(),
            clock(ban.until),
            ban.dropped.to_string(),
            ban.why.clone(),
        ]
    });
    columns(&["SOURCE", "IS", "UNTIL UTC", "UNREAD", "WHY"], rows, "nobody is banned")
}

fn spending_page(spending: &Spending) -> String {
    let (spent, caps) = (spending.spent.iter(), spending.caps.iter());
    let rows = spent.map(|spent| {
        vec![
            String::from(spent.of.clone()),
            spent.within.to_string(),
            spent.calls.to_string(),
            format!("{:.0}", spent.minutes),
            format!("{:.2} {}", spent.money, spending.currency).trim_end().to_owned(),
        ]
    });
    let heads = ["WHOSE", "LAST", "CALLS", "MINUTES", "MONEY"];
    let mut page = columns(&heads, rows, "no call has left the branch in the last day");
    let amount = |measure: Measure, amount: f64| match measure {
        Measure::Money => format!("{amount:.2} {}", spending.currency).trim_end().to_owned(),
        Measure::Calls | Measure::Minutes => format!("{amount:.0} {measure}"),
    };
    let rows = caps.map(|cap| {
        vec![
            String::from(cap.of.clone()),
            cap.within.to_string(),
            format!("{} %", cap.percent),
            amount(cap.measure, cap.spent),
            amount(cap.measure, cap.cap),
            cap.lifted_until
                .map(|until| format!("lifted until {}", clock(until)))
                .unwrap_or_default(),
        ]
    });
    page.push('\n');
    let heads = ["CAP OF", "LAST", "USED", "SPENT", "MAY", ""];
    page += &columns(&heads, rows, "nothing caps spending: add a [[cap]] to gateway.toml");
    page
}

fn mailbox_table(mailboxes: &[Mailbox]) -> String {
    let rows = mailboxes.iter().map(|mailbox| {
        vec![mailbox.mailbox.to_string(), mailbox.new.to_string(), mailbox.old.to_string()]
    });
    columns(
        &["MAILBOX", "NEW", "OLD"],
        rows,
        "no mailbox is configured: give an [[extension]] a `voicemail`",
    )
}

/// Left-aligned columns, two blanks apart; what the network sent is shown without control characters.
pub(super) fn columns(
    heads: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    empty: &str,
) -> String {
    let mut lines: Vec<Vec<String>> = vec![heads.iter().map(|head| (*head).to_owned()).collect()];
    lines.extend(rows.map(|row| row.iter().map(|cell| printable(cell)).collect()));
    if lines.len() == 1 {
        return format!("{empty}\n");
    }
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<_> = (0..heads.len()).map(|column| width(column).unwrap_or(0)).collect();
    lines.iter().fold(String::new(), |mut out, line| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        out += cells.collect::<Vec<_>>().join("  ").trim_end();
        out.push('\n');
        out
    })
}

pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Date and time of day in UTC, to the second.
pub(super) fn clock(at: UnixTime) -> String {
    at.to_string().get(..19).map(|text| text.replace('T', " ")).unwrap_or_default()
}

/// A span in its two largest units, such as `3d 4h`.
fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_from_the_network_is_no_formula_in_a_spreadsheet() {
        assert_eq!(csv_field("+15550100"), "+15550100");
        assert_eq!(csv_field("=1+1"), "'=1+1");
        assert_eq!(csv_field("+1;cmd"), "'+1;cmd");
        assert_eq!(csv_field("a\"b,c"), "\"a\"\"b,c\"");
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let rows = [vec!["\x1b[31mred".to_owned()]];
        assert!(!columns(&["X"], rows.into_iter(), "").contains('\x1b'));
    }

    #[test]
    fn spans_read_in_two_units() {
        assert_eq!(span(Duration::from_secs(59)), "59s");
        assert_eq!(span(Duration::from_secs(3 * 86_400 + 4 * 3_600)), "3d 4h");
    }
}

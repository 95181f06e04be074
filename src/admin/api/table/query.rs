//! Parameters behind the question mark.

/// A parameter behind the question mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// Its name.
    pub name: &'static str,
    /// Whether it has to be there.
    pub required: bool,
    /// The pattern that it matches; a number from 1 to [`MOST_ROWS`](crate::admin::api::MOST_ROWS) for none.
    pub pattern: Option<&'static str>,
    /// What it is.
    pub words: &'static str,
}

pub(super) const LIMIT: Query = Query {
    name: "limit",
    required: false,
    pattern: None,
    words: "At most so many; 100 when absent.",
};
pub(super) const AFTER: Query = Query {
    name: "after",
    required: false,
    pattern: Some("^[0-9A-Za-z-]{1,64}$"),
    words: "The `next` of the page before.",
};
pub(super) const LAST: Query = Query {
    name: "after",
    required: false,
    pattern: Some("^[0-9A-Za-z-]{1,64}$"),
    words: "The id of the last event that was seen, where no Last-Event-ID can be sent.",
};
/// Parameters of a list of work.
pub(super) const OF_WORK: &[Query] = &[
    LIMIT,
    AFTER,
    Query {
        name: "queue",
        required: false,
        pattern: Some("^[0-9A-Za-z._-]{1,64}$"),
        words: "Of this queue alone.",
    },
    Query {
        name: "agent",
        required: false,
        pattern: Some("^[0-9A-Za-z._-]{1,64}$"),
        words: "What this agent has, or has on the screen.",
    },
];
/// Parameters of a list of conversations.
pub(super) const OF_CONVERSATIONS: &[Query] = &[
    LIMIT,
    AFTER,
    Query {
        name: "closed",
        required: false,
        pattern: Some("^true$"),
        words: "Also those that are over.",
    },
    Query {
        name: "agent",
        required: false,
        pattern: Some("^[0-9A-Za-z._-]{1,64}$"),
        words: "In which this agent answers.",
    },
    Query {
        name: "queue",
        required: false,
        pattern: Some("^[0-9A-Za-z._-]{1,64}$"),
        words: "That wait in this queue.",
    },
    Query {
        name: "channel",
        required: false,
        pattern: Some("^[0-9A-Za-z._-]{1,64}$"),
        words: "In which the person wrote last by this channel.",
    },
    Query {
        name: "contact",
        required: false,
        pattern: Some("^[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{13}$"),
        words: "With this person.",
    },
    Query {
        name: "unread",
        required: false,
        pattern: Some("^true$"),
        words: "With something that nobody has read.",
    },
];
/// Parameters of a list of messages.
pub(super) const OF_MESSAGES: &[Query] = &[
    Query {
        name: "state",
        required: true,
        pattern: Some("^(queued|failed|unknown|stopped)$"),
        words: "How they stand: `queued`, `failed`, `unknown` or `stopped`.",
    },
    LIMIT,
    AFTER,
];
/// What an auditor has written down.
pub(super) const NOTED: &[Query] = &[Query {
    name: "noted",
    required: false,
    pattern: Some("^[0-9]{1,18}:[0-9a-f]{64}$"),
    words: "A record's number, a colon, and the head of the chain there, as an earlier reading gave them.",
}];
/// Parameters of a list that has pages.
pub(super) const PAGED: &[Query] = &[LIMIT, AFTER];
/// Those of a search.
pub(super) const WORDS: &[Query] = &[
    LIMIT,
    AFTER,
    Query {
        name: "q",
        required: true,
        pattern: Some(r"^[^\u0000-\u001F]{1,200}$"),
        words: "Beginnings of words, all of which fit, with or without accents; or how a number ends, in any form.",
    },
];
pub(super) const KNOWN_BY: &[Query] = &[Query {
    name: "identity",
    required: true,
    pattern: Some("^[0-9A-Za-z+*#.@:_-]{1,254}$"),
    words: "What the person is known by, exactly: `phone:+4930123456`, `email:ann@example.com`.",
}];
pub(super) const ROUTE: &[Query] = &[
    Query {
        name: "number",
        required: true,
        pattern: Some("^[0-9A-Za-z+*#.@:-]{1,64}$"),
        words: "The number as it would be dialled.",
    },
    Query {
        name: "from",
        required: true,
        pattern: Some("^[0-9A-Za-z._:-]{1,64}$"),
        words: "Who would dial it: an extension, or `trunk:NAME`.",
    },
];

pub(super) const MOMENT: Option<&str> = Some("^[0-9A-Za-z:+.-]{8,40}$");
pub(super) const SINCE: Query = Query {
    name: "since",
    required: false,
    pattern: MOMENT,
    words: "From here on: a date, a local time such as 2026-11-16T08:00, or an RFC 3339 time; today when absent.",
};
pub(super) const UNTIL: Query = Query {
    name: "until",
    required: false,
    pattern: MOMENT,
    words: "Until here; a date counts whole.",
};
pub(super) const INTERVAL: Query = Query {
    name: "interval",
    required: false,
    pattern: Some("^(15m|30m|60m|day)$"),
    words: "How long intervals are; a day when absent.",
};
pub(super) const GROUPED: Query = Query {
    name: "by",
    required: false,
    pattern: Some("^(queue|agent|channel)$"),
    words: "What rows are grouped by.",
};
const HOURS: Query = Query {
    name: "hours",
    required: false,
    pattern: Some("^(open|closed|holiday)$"),
    words: "Only what began while the calendar stood so.",
};
const CALENDAR: Query = Query {
    name: "calendar",
    required: false,
    pattern: Some("^[0-9A-Za-z._-]{1,64}$"),
    words: "Whose opening hours count, with `hours`: this calendar's for everything; each queue's own when absent, and a queue without one is always open.",
};
pub(super) const REPORT: &[Query] = &[
    SINCE,
    UNTIL,
    INTERVAL,
    GROUPED,
    HOURS,
    CALENDAR,
    Query {
        name: "formula",
        required: false,
        pattern: Some("^[0-9A-Za-z,+-]{1,200}$"),
        words: "Ids with commas between, `all` for every one; F1,F4,F5,F7 when absent. F3 has what Asterisk, Connect and \
                Genesys print; Genesys has switches: F3-genesys+flow-outs, +no-short, +no-abandons, +rewrite.",
    },
    LIMIT,
    AFTER,
];
pub(super) const OPENED: &[Query] = &[
    SINCE,
    UNTIL,
    GROUPED,
    HOURS,
    CALENDAR,
    Query {
        name: "group",
        required: false,
        pattern: Some("^[0-9A-Za-z._-]{1,64}$"),
        words: "Only of this queue, agent or channel.",
    },
    LIMIT,
    AFTER,
];
pub(super) const PLANNED: &[Query] = &[SINCE, UNTIL, INTERVAL, HOURS, CALENDAR];
pub(super) const GIVEN: Option<&str> = Some("^[ -~]{1,2048}$");
/// What a provider sends a browser back with (RFC 6749 section 4.1.2, RFC 9207); whatever else it adds is passed over.
pub(super) const BACK: &[Query] = &[
    Query { name: "state", required: true, pattern: GIVEN, words: "What the browser left with." },
    Query { name: "code", required: false, pattern: GIVEN, words: "What a token is had for." },
    Query { name: "iss", required: false, pattern: GIVEN, words: "Who answers." },
    Query { name: "error", required: false, pattern: GIVEN, words: "Why there is no code." },
    Query { name: "error_description", required: false, pattern: GIVEN, words: "In words." },
    Query { name: "session_state", required: false, pattern: GIVEN, words: "Not looked at." },
];
/// Parameters of a list of articles.
pub(super) const OF_ARTICLES: &[Query] = &[
    LIMIT,
    Query {
        name: "q",
        required: false,
        pattern: Some("^.{1,200}$"),
        words: "That fit these words, the best first; all by title when absent.",
    },
    Query {
        name: "language",
        required: false,
        pattern: Some("^[0-9A-Za-z-]{1,64}$"),
        words: "In this language, or in any.",
    },
    Query {
        name: "channel",
        required: false,
        pattern: Some("^[0-9A-Za-z._-]{1,64}$"),
        words: "For this channel, or for all: `voice`, `chat`, `message` or `mail`.",
    },
];

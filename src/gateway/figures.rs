//! Every figure that a machine of the gateway has, for Prometheus.

use std::collections::BTreeMap;

use crate::admin::{Figures, Lamp};
use crate::gateway::{Ending, Gateway};
use crate::journal::State;
use crate::queue::HitRate;
use crate::time::Now;

impl Gateway {
    /// What is in use, beside what there is at most; what was refused; what happened.
    pub(super) fn figures(&self, now: Now) -> Figures {
        let mut figures = Figures::default();
        self.box_figures(&mut figures);
        self.lateness_figures(now.instant, &mut figures);
        self.call_figures(&mut figures);
        self.sip_figures(now, &mut figures);
        self.queue_figures(now, &mut figures);
        self.trunk_figures(&mut figures);
        self.journal_figures(&mut figures);
        self.crm_figures(&mut figures);
        self.site_figures(&mut figures);
        self.message_figures(now, &mut figures);
        let named = self.counted();
        let help = "What was refused, dropped or gone wrong since the start, by reason.";
        figures.counters(("events_total", "what"), help, named);
        figures
    }

    fn site_figures(&self, figures: &mut Figures) {
        let counts = |kept: bool| {
            let own = self.site_counts().filter(move |(_, with, _)| *with == kept);
            own.map(|(kind, _, count)| (kind.to_owned(), count))
        };
        let help = "Events that sites told of with consent, by kind.";
        figures.counters(("site_events_total", "kind"), help, counts(true));
        let help = "Events that sites told of without consent: counted and nothing else.";
        figures.counters(("site_events_without_consent_total", "kind"), help, counts(false));
    }

    fn box_figures(&self, figures: &mut Figures) {
        let version = [(env!("CARGO_PKG_VERSION").to_owned(), 1)];
        figures.gauges(("build_info", "version"), "The program.", version);
        let started = self.started.0 as f64 / 1e6;
        figures.gauge("start_time_seconds", "When it started, since 1970.", started);
        let draining = u8::from(!matches!(self.ending, Ending::No | Ending::Anew));
        figures.gauge("draining", "Whether it takes no new calls.", draining);
        let used = f64::from(self.keeping.room) / 100.0;
        figures.gauge("disk_used_ratio", "Part of the data folder's disk in use.", used);
    }

    fn call_figures(&self, figures: &mut Figures) {
        let limits = &self.settings.limits;
        figures.gauge("calls", "Calls up.", self.calls.len());
        figures.gauge("calls_limit", "Calls at a time (limits.calls).", limits.calls);
        let rate = limits.new_calls_per_second;
        let help = "New calls in a second (limits.new_calls_per_second).";
        figures.gauge("new_calls_per_second_limit", help, rate);
        let help = "Calls of one extension at a time (limits.calls_per_extension).";
        figures.gauge("calls_per_extension_limit", help, limits.calls_per_extension);
        let refused = self.rate.refused;
        figures.counter(
            "calls_too_fast_total",
            "Calls refused for the rate of new calls.",
            refused,
        );
        figures.gauge("rtp_ports", "RTP port pairs in use.", self.pool.in_use());
        figures.gauge("rtp_ports_limit", "RTP port pairs there are.", self.pool.capacity());
        let ended = |place: usize| {
            let mut sums: BTreeMap<String, u64> = BTreeMap::new();
            for (names, count) in &self.seen.ended {
                *sums.entry([&names.0, &names.1][place].clone()).or_default() += count;
            }
            sums
        };
        figures.counters(
            ("calls_ended_total", "class"),
            "Calls that ended, by whose doing it was.",
            ended(0),
        );
        figures.counters(
            ("calls_ended_by_cause_total", "cause"),
            "Calls that ended, by cause.",
            ended(1),
        );
        let (trace, most) = (self.seen.trace.bytes(), self.settings.capture.memory_mb);
        figures.gauge("trace_bytes", "Memory that remembered SIP messages take.", trace);
        let help = "The most they may take (capture.memory_mb).";
        figures.gauge("trace_bytes_limit", help, usize::from(most) << 20);
    }

    fn sip_figures(&self, now: Now, figures: &mut Figures) {
        let (sessions, transactions) = self.endpoint.alive();
        let (most_sessions, most_transactions) = self.endpoint.limits();
        figures.gauge("sip_sessions", "INVITE sessions alive.", sessions);
        figures.gauge("sip_sessions_limit", "The most at a time.", most_sessions);
        figures.gauge("sip_transactions", "Transactions alive.", transactions);
        figures.gauge("sip_transactions_limit", "The most at a time.", most_transactions);
        let phones = self.registrar.iter().count();
        figures.gauge("registered_extensions", "Extensions with a phone.", phones);
        let bindings: usize = self.registrar.iter().map(|(_, phones)| phones.len()).sum();
        figures.gauge("registrations", "Phones that are registered.", bindings);
        let extensions = self.settings.extensions.len();
        figures.gauge("extensions", "Extensions in the configuration.", extensions);
        let trust = &self.gate.trust;
        let count = |proven| trust.bans(now.instant).filter(|ban| ban.proven == proven).count();
        let kinds = [("banned".to_owned(), count(true)), ("suspected".to_owned(), count(false))];
        figures.gauges(("bans", "kind"), "Sources that are not heard.", kinds);
        figures.gauge("bans_limit", "The most at a time.", crate::sip::trust::MAX_BANS);
        figures.gauge("scored_sources", "Sources whose doings are counted.", trust.sources());
        figures.gauge(
            "scored_sources_limit",
            "The most at a time.",
            crate::sip::trust::MAX_SOURCES,
        );
        figures.counter("bans_total", "Bans since the start.", trust.counters.bans);
        figures.counter(
            "suspicions_total",
            "Suspicions since the start.",
            trust.counters.suspicions,
        );
    }

    fn queue_figures(&self, now: Now, figures: &mut Figures) {
        let queues = self.queues.snapshot(now);
        let each = |of: fn(&crate::queue::Snapshot) -> u64| {
            queues.iter().map(|queue| (queue.queue.to_string(), of(queue))).collect::<Vec<_>>()
        };
        let waiting = each(|queue| queue.waiting.saturating_sub(queue.tasks) as u64);
        figures.gauges(("queue_waiting", "queue"), "Callers waiting.", waiting);
        let tasks = each(|queue| queue.tasks as u64);
        figures.gauges(("queue_tasks", "queue"), "Tasks waiting.", tasks);
        let longest = each(|queue| queue.longest.as_secs());
        figures.gauges(("queue_longest_wait_seconds", "queue"), "The first one's wait.", longest);
        let ready = each(|queue| queue.ready as u64);
        figures.gauges(("queue_agents_ready", "queue"), "Agents ready for it.", ready);
        let limits = self.settings.queues.iter();
        let limits = limits.map(|queue| (queue.name.to_string(), queue.max_waiting));
        figures.gauges(
            ("queue_waiting_limit", "queue"),
            "Callers at a time (max_waiting).",
            limits,
        );
        let told = each(|queue| queue.hit_rate.of as u64);
        let help = "Waits whose estimate is known to have held or not, of the last.";
        figures.gauges(("queue_estimates", "queue"), help, told);
        let held = each(|queue| queue.hit_rate.hits as u64);
        let help = "Of those, waits that were within the range that was told.";
        figures.gauges(("queue_estimates_held", "queue"), help, held);
        let known = queues.iter().filter_map(|queue| {
            let HitRate { of, hits } = queue.hit_rate;
            (of > 0).then(|| (queue.queue.to_string(), format!("{:.3}", hits as f64 / of as f64)))
        });
        let help = "Share of the last waits that were within the range that was told.";
        figures.gauges(("queue_estimate_hit_ratio", "queue"), help, known);
        let connected = each(|queue| queue.counters.connected);
        figures.counters(
            ("queue_connected_total", "queue"),
            "Callers connected to agents.",
            connected,
        );
        let abandoned = each(|queue| queue.counters.abandoned);
        figures.counters(("queue_abandoned_total", "queue"), "Callers who gave up.", abandoned);
        let taken_out = each(|queue| queue.counters.taken_out);
        figures.counters(
            ("queue_taken_out_total", "queue"),
            "Callers whose wait an admin, a colleague or the end of the box ended.",
            taken_out,
        );
        let overflowed = each(|queue| queue.counters.overflowed);
        figures.counters(
            ("queue_overflowed_total", "queue"),
            "Callers sent elsewhere.",
            overflowed,
        );
    }

    fn trunk_figures(&self, figures: &mut Figures) {
        let lines = self.trunk_lines();
        let up = |lamp| match lamp {
            Lamp::Green => "1",
            Lamp::Amber => "0.5",
            Lamp::Red => "0",
        };
        let lamps = lines.iter().map(|line| (line.trunk.to_string(), up(line.lamp)));
        let help = "1 as it should be, 0.5 somebody should look, 0 down.";
        figures.gauges(("trunk_up", "trunk"), help, lamps);
        let calls = lines.iter().map(|line| (line.trunk.to_string(), line.calls));
        figures.gauges(("trunk_calls", "trunk"), "Calls up on it.", calls);
        let limits = self.settings.trunks.iter();
        let limits = limits.map(|trunk| (trunk.name.to_string(), trunk.max_calls));
        figures.gauges(("trunk_calls_limit", "trunk"), "Calls at a time (max_calls).", limits);
    }

    fn journal_figures(&self, figures: &mut Figures) {
        let healthy = u8::from(self.journal.state() == State::Healthy);
        figures.gauge("journal_up", "Whether what happens is being kept.", healthy);
        let stored = self.journal.stored().0;
        figures.gauge("journal_records", "Records on the disk.", stored);
        let held = self.journal.held().0;
        figures.gauge(
            "journal_held_records",
            "Records in memory until the disk works again.",
            held,
        );
    }
}

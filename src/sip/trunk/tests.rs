use super::*;
use crate::sip::auth::Secret;
use crate::sip::locate::{Answer, Kind, Records, Srv};

fn now() -> Now {
    Now { instant: Instant::now(), unix: UnixTime(0) }
}

fn trunk(servers: &[&str], register: bool) -> Trunk {
    let credentials =
        Credentials { username: "branch7".into(), secret: Secret::plain("x"), realm: None };
    let settings = Settings {
        servers: (0..)
            .zip(servers)
            .filter_map(|(priority, text)| Some(Server { priority, ..Server::parse(text)? }))
            .collect(),
        transport: None,
        register: register.then_some(Register { credentials, expires_s: 600 }),
        account: None,
        probe: Some(Duration::from_secs(30)),
        keep_alive: None,
    };
    Trunk::new(settings, Random::from_number(1))
}

fn resolve(trunk: &mut Trunk, now: Now) {
    loop {
        let Some(Output::Resolve(question)) = trunk.poll_output() else {
            panic!("asks for no name")
        };
        if question.kind == Kind::Address {
            let pair = ("192.0.2.5".parse().unwrap(), "192.0.2.1".parse().unwrap());
            let records = Records::Addresses(vec![pair]);
            return trunk.handle_answer(now, &question, &Answer::Found { records, ttl: 300 });
        }
        trunk.handle_answer(now, &question, &Answer::None);
    }
}

/// Whether its servers are known, and nobody has answered yet.
fn is_found(trunk: &Trunk) -> bool {
    matches!(trunk.state(), State::Unheard { others: false, .. })
}

impl Trunk {
    /// The addresses of a host, in a DNS that knows nothing else of it.
    fn handle_resolved(&mut self, now: Now, host: &str, found: &[(IpAddr, IpAddr)]) {
        let names = [
            (Kind::Naptr, host.to_owned()),
            (Kind::Srv, format!("_sip._udp.{host}")),
            (Kind::Srv, format!("_sip._tcp.{host}")),
            (Kind::Address, host.to_owned()),
        ];
        for (kind, name) in names {
            let question = Question { domain: host.to_owned(), name, kind };
            let records = Records::Addresses(found.to_vec());
            let answer = match kind {
                Kind::Address if !found.is_empty() => Answer::Found { records, ttl: 300 },
                _ => Answer::None,
            };
            self.handle_answer(now, &question, &answer);
        }
        self.outputs.retain(
            |output| !matches!(output, Output::Resolve(question) if question.domain == host),
        );
    }
}

#[test]
fn a_trunk_without_registration_is_ready_when_found_and_stays_so_without_dns() {
    let mut trunk = trunk(&["carrier.example"], false);
    trunk.handle_started(now());
    assert_eq!(trunk.state(), State::Unresolved);
    resolve(&mut trunk, now());
    assert_eq!(trunk.state().to_string(), "not heard from yet: 192.0.2.5:5060");
    trunk.handle_resolved(now(), "carrier.example", &[]);
    trunk.handle_heard(now(), "192.0.2.5:5060".parse().unwrap());
    assert_eq!(trunk.state(), State::Ready);
    trunk.handle_resolved(now(), "carrier.example", &[]);
    assert_eq!(trunk.state(), State::Ready);
    assert_eq!(trunk.ways().len(), 1);
}

#[test]
fn a_registration_is_renewed_before_it_ends_and_retried_after_failures() {
    let mut trunk = trunk(&["192.0.2.5:5060"], true);
    let mut now = now();
    trunk.handle_started(now);
    resolve(&mut trunk, now);
    for _ in 0..5 {
        let Some(Output::Register { request, .. }) = trunk.poll_output() else {
            panic!("no REGISTER")
        };
        let response = Response::to(&request, Status::OK);
        trunk.handle_response(now, &response);
        let State::Registered { until } = trunk.state() else { panic!("not registered") };
        let wait = trunk.due.unwrap() - now.instant;
        assert!(wait >= Duration::from_secs(300) && wait < Duration::from_secs(540), "{wait:?}");
        now = now.after(wait);
        assert!(now.unix < until);
        trunk.handle_timeout(now);
        while matches!(trunk.outputs.front(), Some(Output::Resolve(_) | Output::Probe { .. })) {
            trunk.outputs.pop_front();
        }
    }
    let mut waits = Vec::new();
    for _ in 0..8 {
        trunk.outputs.clear();
        trunk.handle_failed(now);
        let wait = trunk.due.unwrap() - now.instant;
        waits.push(wait);
        now = now.after(wait);
        trunk.handle_timeout(now);
    }
    assert!(waits[0] < Duration::from_secs(6) && waits.iter().all(|wait| *wait <= MAX_BACK_OFF));
    assert!(waits[7] > waits[0]);
}

#[test]
fn calls_pass_what_the_carrier_named_until_it_names_something_else() {
    let mut trunk = trunk(&["192.0.2.5:5060", "192.0.2.6:5060"], true);
    trunk.handle_started(now());
    trunk.handle_resolved(now(), "192.0.2.5", &[at(5)]);
    trunk.handle_resolved(now(), "192.0.2.6", &[at(6)]);
    let request = Request::new(Method::REGISTER, Uri::sip(None, Host::Ip(at(5).0), None));
    let mut registered = |route: &str| {
        let mut response = Response::to(&request, Status::OK);
        if !route.is_empty() {
            response.headers.push("Service-Route", route).unwrap();
        }
        trunk.handle_response(now(), &response);
        let ways: Vec<_> =
            trunk.ways().into_iter().map(|way| (way.route.peer().ip(), way.routes)).collect();
        assert!(ways[1].1.is_empty(), "the other server named nothing");
        assert_eq!(ways[0].0, at(5).0, "the server that knows us passes calls on");
        ways[0].1.clone()
    };
    let two = "<sip:in.carrier.example;lr>, <sip:out@carrier.example;lr>";
    assert_eq!(registered(two), two.split(", ").collect::<Vec<_>>());
    assert!(registered("").is_empty(), "a renewal without takes it back");
    for bad in ["<sip:strict.carrier.example>", "<tel:+15550100;lr>", "<sip:", &[two; 3].join(", ")]
    {
        assert!(registered(bad).is_empty(), "{bad}");
    }
    registered(two);
    trunk.handle_failed(now());
    assert!(trunk.ways().iter().all(|way| way.routes.is_empty()), "who knows us is open again");
}

fn at(last: u8) -> (IpAddr, IpAddr) {
    (IpAddr::from([192, 0, 2, last]), IpAddr::from([192, 0, 2, 1]))
}

#[test]
fn a_carrier_that_refuses_is_shown_with_what_to_do() {
    let mut trunk = trunk(&["192.0.2.5"], true);
    trunk.handle_started(now());
    resolve(&mut trunk, now());
    let Some(Output::Register { request, .. }) = trunk.poll_output() else { panic!("no REGISTER") };
    trunk.handle_response(now(), &Response::to(&request, Status::FORBIDDEN));
    assert!(trunk.state().to_string().contains("check user name and secret"));
}

fn peers(trunk: &mut Trunk) -> Vec<String> {
    trunk.ways().iter().map(|way| way.route.peer().to_string()).collect()
}

#[test]
fn servers_that_do_not_answer_come_last_and_the_lamp_says_which() {
    let mut trunk = trunk(&["192.0.2.5", "192.0.2.6:5070", "names.example"], false);
    trunk.handle_started(now());
    let own: IpAddr = "192.0.2.1".parse().unwrap();
    trunk.handle_resolved(now(), "192.0.2.6", &[("192.0.2.6".parse().unwrap(), own)]);
    trunk.handle_resolved(now(), "192.0.2.5", &[("192.0.2.5".parse().unwrap(), own)]);
    let two = [("192.0.2.8".parse().unwrap(), own), ("192.0.2.9".parse().unwrap(), own)];
    trunk.handle_resolved(now(), "names.example", &two);
    assert_eq!(
        peers(&mut trunk),
        ["192.0.2.5:5060", "192.0.2.6:5070", "192.0.2.8:5060", "192.0.2.9:5060"]
    );
    trunk.handle_missed("192.0.2.5:5060".parse().unwrap());
    let others = ["192.0.2.6:5070", "192.0.2.8:5060", "192.0.2.9:5060"];
    others.into_iter().for_each(|peer| trunk.handle_heard(now(), peer.parse().unwrap()));
    assert_eq!(
        peers(&mut trunk),
        ["192.0.2.6:5070", "192.0.2.8:5060", "192.0.2.9:5060", "192.0.2.5:5060"]
    );
    assert_eq!(trunk.state().to_string(), "ready; no answer from 192.0.2.5:5060");
    // A name that is looked up again changes nothing of what is known.
    trunk.handle_resolved(now(), "192.0.2.5", &[("192.0.2.5".parse().unwrap(), own)]);
    assert_eq!(peers(&mut trunk)[3], "192.0.2.5:5060");
    trunk.handle_heard(now(), "192.0.2.5:5060".parse().unwrap());
    assert_eq!((peers(&mut trunk)[0].as_str(), trunk.state()), ("192.0.2.5:5060", State::Ready));
    for peer in peers(&mut trunk) {
        trunk.handle_missed(peer.parse().unwrap());
    }
    assert!(trunk.is_silent() && trunk.state() == State::Silent);
    assert_eq!(trunk.ways().len(), 4, "they are tried all the same");
}

#[test]
fn every_server_is_asked_whether_it_is_there() {
    let mut trunk = trunk(&["192.0.2.5"], false);
    let mut now = now();
    trunk.handle_started(now);
    resolve(&mut trunk, now);
    let mut probes = 0;
    let until = now.instant + Duration::from_secs(300);
    while let Some(due) = trunk.deadline().filter(|due| *due < until) {
        now = now.after(due.saturating_duration_since(now.instant));
        trunk.handle_timeout(now);
        while let Some(output) = trunk.poll_output() {
            probes += u32::from(matches!(output, Output::Probe { .. }));
        }
    }
    assert!((9..=12).contains(&probes), "{probes} in five minutes");
}

#[test]
fn a_name_that_is_not_found_is_looked_up_again_soon() {
    let mut trunk = trunk(&["carrier.example"], false);
    let now = now();
    trunk.handle_started(now);
    trunk.poll_output();
    trunk.handle_resolved(now, "carrier.example", &[]);
    assert_eq!(trunk.state(), State::Unresolved);
    let due = trunk.deadline().expect("it is tried again");
    assert!(due - now.instant <= BACK_OFF);
    trunk.handle_timeout(now.after(BACK_OFF));
    resolve(&mut trunk, now);
    assert!(is_found(&trunk));
}

#[test]
fn servers_of_one_priority_share_calls_by_weight_and_others_wait() {
    let mut trunk = trunk(&["192.0.2.1", "192.0.2.2", "192.0.2.3"], false);
    let server = |host: &str, priority, weight| Server {
        host: host.to_owned(),
        port: None,
        priority,
        weight,
    };
    trunk.settings.servers =
        vec![server("192.0.2.1", 1, 3), server("192.0.2.2", 1, 1), server("192.0.2.3", 2, 100)];
    trunk.handle_started(now());
    for host in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        let ip = host.parse().unwrap();
        trunk.handle_resolved(now(), host, &[(ip, "192.0.2.9".parse().unwrap())]);
    }
    let mut first = [0; 2];
    for _ in 0..4_000 {
        let order = peers(&mut trunk);
        assert_eq!(order[2], "192.0.2.3:5060", "{order:?}");
        first[usize::from(order[0] == "192.0.2.2:5060")] += 1;
    }
    assert!((2_850..3_150).contains(&first[0]), "three of four: {first:?}");
    trunk.handle_missed("192.0.2.1:5060".parse().unwrap());
    assert_eq!(peers(&mut trunk), ["192.0.2.2:5060", "192.0.2.3:5060", "192.0.2.1:5060"]);
}

/// Answers every question of a trunk.
fn answer_all(trunk: &mut Trunk, now: Now, answer: impl Fn(&Question) -> Answer) -> Vec<Question> {
    let mut asked = Vec::new();
    while let Some(output) = trunk.poll_output() {
        if let Output::Resolve(question) = output {
            trunk.handle_answer(now, &question, &answer(&question));
            asked.push(question);
        }
    }
    asked
}

/// A carrier with two servers over TCP, behind SRV records that are good for ten minutes.
fn carrier(question: &Question) -> Answer {
    let srv =
        |priority, target: &str| Srv { priority, weight: 0, port: 5070, target: target.to_owned() };
    let own = "192.0.2.1".parse().unwrap();
    let records = match (question.kind, question.name.as_str()) {
        (Kind::Srv, "_sip._tcp.carrier.example") => {
            Records::Srv(vec![srv(1, "a.carrier.example"), srv(2, "b.carrier.example")])
        }
        (Kind::Address, "a.carrier.example") => {
            Records::Addresses(vec![("198.51.100.1".parse().unwrap(), own)])
        }
        (Kind::Address, "b.carrier.example") => {
            Records::Addresses(vec![("198.51.100.2".parse().unwrap(), own)])
        }
        _ => return Answer::None,
    };
    Answer::Found { records, ttl: 600 }
}

#[test]
fn srv_records_give_servers_ports_and_the_transport() {
    let mut trunk = trunk(&["carrier.example"], false);
    let now = now();
    trunk.handle_started(now);
    answer_all(&mut trunk, now, carrier);
    let ways: Vec<_> = trunk.ways().into_iter().map(|way| (way.route, way.host)).collect();
    let way = |peer: &str| {
        let route = Route::Address { transport: Transport::Tcp, peer: peer.parse().unwrap() };
        (route, Uri::parse("sip:carrier.example").unwrap())
    };
    assert_eq!(ways, [way("198.51.100.1:5070"), way("198.51.100.2:5070")]);
    // Asked again when the records' time is over, not before.
    trunk.probe = None;
    assert_eq!(trunk.deadline(), Some(now.instant + Duration::from_secs(600)));
}

#[test]
fn what_was_found_stays_good_without_dns_for_a_week() {
    let mut trunk = trunk(&["carrier.example"], false);
    let start = now();
    trunk.handle_started(start);
    answer_all(&mut trunk, start, carrier);
    let mut asked = 0;
    for hour in 1..=200 {
        let later = start.after(Duration::from_secs(hour * 3_600));
        trunk.handle_timeout(later);
        asked += answer_all(&mut trunk, later, |_| Answer::Failed).len();
        let keeps = hour <= 7 * 24;
        assert_eq!(trunk.ways().len(), if keeps { 2 } else { 0 }, "after {hour} hours");
    }
    assert!(asked >= 200, "it goes on asking");
    assert_eq!(trunk.state(), State::Unresolved);
    let later = start.after(Duration::from_secs(201 * 3_600));
    trunk.handle_timeout(later);
    answer_all(&mut trunk, later, carrier);
    assert!(trunk.ways().len() == 2 && is_found(&trunk));
}

#[test]
fn an_answer_that_never_comes_is_asked_for_again() {
    let mut trunk = trunk(&["carrier.example"], false);
    let start = now();
    trunk.handle_started(start);
    assert!(matches!(trunk.poll_output(), Some(Output::Resolve(_))));
    assert!(trunk.poll_output().is_none());
    let later = start.after(Duration::from_secs(60));
    assert_eq!(trunk.deadline(), Some(later.instant));
    trunk.handle_timeout(later);
    answer_all(&mut trunk, later, carrier);
    assert!(is_found(&trunk));
}

fn keeping(transport: Transport, probe: Option<Duration>) -> Trunk {
    let mut trunk = trunk(&["192.0.2.5:5060"], true);
    trunk.settings.transport = Some(transport);
    trunk.settings.probe = probe;
    trunk.settings.keep_alive = Some(Duration::from_secs(120));
    trunk.handle_started(now());
    trunk.handle_resolved(now(), "192.0.2.5", &[at(5)]);
    let request = Request::new(Method::REGISTER, Uri::sip(None, Host::Ip(at(5).0), None));
    trunk.handle_response(now(), &Response::to(&request, Status::OK));
    trunk.outputs.clear();
    trunk
}

/// Runs to the next keep-alive. Answers when it went, and what.
fn next_keep_alive(trunk: &mut Trunk, from: Now) -> (Now, &'static [u8]) {
    let mut now = from;
    loop {
        now = now.after(trunk.deadline().expect("something due") - now.instant);
        trunk.handle_timeout(now);
        while let Some(output) = trunk.poll_output() {
            if let Output::KeepAlive { bytes, .. } = output {
                return (now, bytes);
            }
        }
        assert!(now.instant - from.instant < Duration::from_secs(200), "no keep-alive");
    }
}

#[test]
fn a_connection_whose_carrier_stops_answering_is_closed_and_registered_over_anew() {
    let mut trunk = keeping(Transport::Tcp, None);
    let (start, peer) = (now(), SocketAddr::new(at(5).0, 5060));
    let (first, bytes) = next_keep_alive(&mut trunk, start);
    assert_eq!(bytes, b"\r\n\r\n");
    let wait = first.instant - start.instant;
    assert!((96..=121).contains(&wait.as_secs()), "{wait:?}");
    trunk.handle_timeout(first.after(Duration::from_secs(10)));
    assert!(trunk.poll_output().is_none(), "it may not know of pings");
    let (second, _) = next_keep_alive(&mut trunk, first);
    trunk.handle_pong(peer);
    trunk.handle_timeout(second.after(Duration::from_secs(10)));
    assert!(trunk.poll_output().is_none(), "it has answered");
    let (third, _) = next_keep_alive(&mut trunk, second);
    trunk.handle_spoken(peer);
    trunk.handle_timeout(third.after(Duration::from_secs(10)));
    assert!(!trunk.is_silent(), "a message will do");
    trunk.outputs.clear();
    let (fourth, _) = next_keep_alive(&mut trunk, third);
    trunk.handle_timeout(fourth.after(Duration::from_secs(9)));
    assert!(trunk.poll_output().is_none() && !trunk.is_silent());
    trunk.handle_timeout(fourth.after(Duration::from_secs(10)));
    assert!(trunk.is_silent(), "the lamp says so");
    assert!(matches!(trunk.poll_output(), Some(Output::Disconnect(route)) if route.peer() == peer));
    assert!(matches!(trunk.poll_output(), Some(Output::Register { .. })));
}

#[test]
fn datagrams_keep_the_way_open_where_no_probe_does() {
    let mut trunk = keeping(Transport::Udp, None);
    let (mut last, start) = (now(), now());
    for _ in 0..5 {
        let (sent, bytes) = next_keep_alive(&mut trunk, last);
        assert_eq!(bytes, b"\r\n");
        assert!(sent.instant - last.instant < Duration::from_secs(30));
        last = sent;
    }
    let mut probed = keeping(Transport::Udp, Some(Duration::from_secs(30)));
    let mut now = start;
    while now.instant - start.instant < Duration::from_secs(290) {
        now = now.after(probed.deadline().expect("probes") - now.instant);
        probed.handle_timeout(now);
        let kept = |output| matches!(output, Output::KeepAlive { .. });
        assert!(!std::iter::from_fn(|| probed.poll_output()).any(kept), "probes do it already");
    }
}

#[test]
fn a_registrar_that_is_overloaded_is_not_asked_before_it_said() {
    let mut trunk = trunk(&["192.0.2.5"], true);
    let mut now = now();
    trunk.handle_started(now);
    resolve(&mut trunk, now);
    let Some(Output::Register { request, .. }) = trunk.poll_output() else { panic!("no REGISTER") };
    let mut response = Response::to(&request, Status::SERVICE_UNAVAILABLE);
    response.headers.push("Retry-After", "120 (maintenance);duration=60").unwrap();
    trunk.handle_response(now, &response);
    assert!(trunk.is_resting(), "nor are calls sent there");
    let asks = |trunk: &mut Trunk| {
        let outputs = std::iter::from_fn(|| trunk.poll_output());
        outputs.filter(|output| matches!(output, Output::Register { .. })).count()
    };
    now = now.after(Duration::from_secs(119));
    trunk.handle_timeout(now);
    assert_eq!(asks(&mut trunk), 0);
    now = now.after(Duration::from_secs(1));
    trunk.handle_timeout(now);
    assert_eq!(asks(&mut trunk), 1);
}

/// RFC 3261 section 21.5.4: a server that answers 503 with Retry-After is left alone for so long, and no longer.
#[test]
fn an_overloaded_server_rests_for_as_long_as_it_asked_and_help_disturbs_it_last() {
    let mut trunk = trunk(&["192.0.2.5", "192.0.2.6"], false);
    let mut now = now();
    trunk.handle_started(now);
    for host in ["192.0.2.5", "192.0.2.6"] {
        let address = host.parse().unwrap();
        trunk.handle_resolved(now, host, &[(address, "192.0.2.1".parse().unwrap())]);
    }
    let first = "192.0.2.5:5060".parse().unwrap();
    assert_eq!(peers(&mut trunk), ["192.0.2.5:5060", "192.0.2.6:5060"]);
    trunk.handle_overloaded(now, first, 30);
    trunk.handle_overloaded(now, "192.0.2.99:5060".parse().unwrap(), 30);
    trunk.handle_overloaded(now, "192.0.2.6:5060".parse().unwrap(), 0);
    assert_eq!(peers(&mut trunk), ["192.0.2.6:5060"]);
    assert_eq!(trunk.state(), State::Resting { servers: vec![first] });
    let help: Vec<_> = trunk.ways_for_help().iter().map(|way| way.route.peer()).collect();
    assert_eq!(help, ["192.0.2.6:5060".parse().unwrap(), first]);
    now = now.after(Duration::from_secs(29));
    trunk.handle_timeout(now);
    assert_eq!(peers(&mut trunk).len(), 1);
    now = now.after(Duration::from_secs(1));
    assert!(trunk.deadline().is_some_and(|at| at <= now.instant));
    trunk.handle_timeout(now);
    assert_eq!(peers(&mut trunk).len(), 2);
    // Whatever a carrier says in its trouble, it is tried again within ten minutes.
    trunk.handle_overloaded(now, first, 86_400);
    trunk.handle_overloaded(now, "192.0.2.6:5060".parse().unwrap(), 86_400);
    assert!(trunk.is_resting() && trunk.ways().is_empty() && trunk.ways_for_help().len() == 2);
    now = now.after(Duration::from_secs(600));
    trunk.handle_timeout(now);
    assert!(!trunk.is_resting() && trunk.ways().len() == 2);
}

#[test]
fn a_server_that_is_new_is_named_until_it_answers() {
    let mut trunk = trunk(&["192.0.2.5", "192.0.2.6"], false);
    trunk.handle_started(now());
    let own = "192.0.2.1".parse().unwrap();
    for host in ["192.0.2.5", "192.0.2.6"] {
        trunk.handle_resolved(now(), host, &[(host.parse().unwrap(), own)]);
    }
    let both = "not heard from yet: 192.0.2.5:5060, 192.0.2.6:5060";
    assert_eq!((trunk.state().to_string().as_str(), trunk.works()), (both, false));
    trunk.handle_heard(now(), "192.0.2.5:5060".parse().unwrap());
    let one = "ready; not heard from yet: 192.0.2.6:5060";
    assert_eq!((trunk.state().to_string().as_str(), trunk.works()), (one, true));
    trunk.handle_missed("192.0.2.6:5060".parse().unwrap());
    assert_eq!(trunk.state().to_string(), "ready; no answer from 192.0.2.6:5060");
    trunk.handle_heard(now(), "192.0.2.6:5060".parse().unwrap());
    assert_eq!(trunk.state(), State::Ready);
}

#[test]
fn a_carrier_that_nobody_asks_is_not_called_ready() {
    let mut inward = trunk(&[], false);
    inward.handle_started(now());
    assert!(inward.state().to_string().ends_with("nothing heard since the start"));
    inward.handle_request(now());
    assert!(inward.state().to_string().contains("last heard 1970-01-01"), "{}", inward.state());
    let mut unasked = trunk(&["carrier.example"], false);
    unasked.settings.probe = None;
    unasked.handle_started(now());
    resolve(&mut unasked, now());
    assert_eq!(unasked.state(), State::Unasked { heard: None });
    unasked.handle_heard(now(), "192.0.2.5:5060".parse().unwrap());
    assert_eq!(unasked.state(), State::Unasked { heard: Some(UnixTime(0)) });
}

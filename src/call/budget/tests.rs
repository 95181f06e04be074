use super::*;

const MINUTE: Duration = Duration::from_secs(60);

struct Bench {
    budget: Budget,
    now: Now,
    next: u64,
}

fn money(amount: f64) -> Money {
    Money::try_from(amount).unwrap()
}

fn cap(of: &str, within: Within) -> Cap {
    let of = Scope::try_from(of.to_owned()).unwrap();
    Cap { of, within, calls: None, minutes: None, money: None }
}

#[test]
fn a_call_that_came_in_costs_its_answer_and_every_step_that_began() {
    let price = Price { per_minute: money(0.06), per_call: money(0.005), step: 60 };
    let cents = [(0, 0.065), (1, 0.065), (60_000, 0.065), (60_001, 0.125), (185_000, 0.245)];
    for (millis, amount) in cents {
        assert_eq!(price.of(Duration::from_millis(millis)), money(amount), "{millis} ms");
    }
    let by_second = Price { step: 1, ..price };
    assert_eq!(by_second.of(Duration::from_secs(90)), money(0.095), "90 x 0.001 and 0.005");
}

impl Bench {
    fn new(caps: Vec<Cap>) -> Bench {
        let price = |per_minute| Price { per_minute: money(per_minute), ..Price::default() };
        let rate = |prefix: &str, per_minute| Rate {
            prefix: Number::parse(prefix).unwrap(),
            per_minute: money(per_minute),
            per_call: Money::default(),
            step: 60,
        };
        let rates = vec![rate("+44", 0.10), rate("+447", 1.0)];
        let settings = Settings { rates, price: price(0.01), caps, country: Country::default() };
        let now = Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) };
        Bench { budget: Budget::new(settings), now, next: 0 }
    }

    fn begin(&mut self, from: &str, number: &str) -> Result<LegId, Reached> {
        self.next += 1;
        let leg = LegId(self.next);
        let payer = Origin::Extension(from.into());
        let number = Number::parse(number).unwrap();
        let trunk = "carrier".into();
        let call = crate::id::CallId(leg.0);
        let wanted =
            Wanted { leg, payer: &payer, trunk: &trunk, number: &number, call, again: false };
        self.budget.begin(self.now, wanted).map(|()| leg)
    }

    fn talk(&mut self, from: &str, number: &str) -> LegId {
        let leg = self.begin(from, number).unwrap();
        self.budget.answered(self.now, leg);
        leg
    }

    /// Time passes; answers the legs that had to end.
    fn pass(&mut self, span: Duration) -> Vec<LegId> {
        let until = self.now.instant + span;
        let mut over = Vec::new();
        loop {
            while let Some(output) = self.budget.poll_output() {
                if let Output::Over(leg, _) = output {
                    over.push(leg);
                    self.budget.ended(leg);
                }
            }
            let Some(next) = self.budget.deadline().filter(|next| *next <= until) else { break };
            self.now = self.now.after(next - self.now.instant);
            self.budget.handle_timeout(self.now);
        }
        self.now = self.now.after(until - self.now.instant);
        over
    }

    fn warned(&mut self) -> usize {
        let all = std::iter::from_fn(|| self.budget.poll_output());
        all.filter(|output| matches!(output, Output::Near(_))).count()
    }
}

#[test]
fn a_call_that_reaches_the_cap_of_its_phone_ends_then_and_another_phone_goes_on() {
    let mut bench =
        Bench::new(vec![Cap { money: Some(money(0.35)), ..cap("extensions", Within::Hour) }]);
    let mine = bench.talk("201", "011442071234567");
    let other = bench.talk("202", "4085551200");
    assert_eq!(bench.pass(MINUTE * 3 - Duration::from_secs(1)), []);
    assert_eq!(bench.pass(Duration::from_secs(1)), [mine], "the fourth minute has no money left");
    assert!(bench.begin("201", "+442071234567").is_err());
    assert!(bench.begin("201", "4085551200").is_ok(), "a cheaper one still fits");
    assert_eq!(bench.pass(MINUTE * 10), []);
    bench.budget.ended(other);
}

#[test]
fn calls_that_begin_together_do_not_pass_a_cap_together() {
    let mut bench = Bench::new(vec![Cap { minutes: Some(3), ..cap("site", Within::Day) }]);
    let legs: Vec<_> = (0..3).map(|_| bench.begin("201", "4085551200").unwrap()).collect();
    let refused = bench.begin("202", "4085551200").unwrap_err();
    assert_eq!((refused.subject, refused.measure), (Subject::Site, Measure::Minutes));
    // One was not answered: what was set aside for it is free again.
    bench.budget.ended(legs[0]);
    bench.budget.answered(bench.now, legs[1]);
    bench.budget.answered(bench.now, legs[2]);
    assert!(bench.begin("202", "4085551200").is_ok());
    let mut over = bench.pass(MINUTE);
    over.sort();
    assert_eq!(over, [legs[1], legs[2]]);
}

#[test]
fn unanswered_calls_count_and_are_forgotten_after_their_time() {
    let mut bench = Bench::new(vec![Cap { calls: Some(2), ..cap("extension:201", Within::Hour) }]);
    for _ in 0..2 {
        let leg = bench.begin("201", "4085551200").unwrap();
        bench.budget.ended(leg);
    }
    assert!(bench.begin("201", "4085551200").is_err());
    assert!(bench.begin("202", "4085551200").is_ok());
    bench.pass(MINUTE * 59);
    assert!(bench.begin("201", "4085551200").is_err());
    bench.pass(MINUTE * 11);
    assert!(bench.begin("201", "4085551200").is_ok());
}

#[test]
fn a_cap_that_names_somebody_stands_in_the_place_of_the_one_for_all() {
    let mut bench = Bench::new(vec![
        Cap { calls: Some(1), ..cap("extensions", Within::Hour) },
        Cap { calls: Some(3), ..cap("extension:201", Within::Hour) },
    ]);
    for _ in 0..3 {
        bench.begin("201", "4085551200").unwrap();
    }
    assert!(bench.begin("201", "4085551200").is_err());
    bench.begin("202", "4085551200").unwrap();
    assert!(bench.begin("202", "4085551200").is_err());
}

#[test]
fn an_admin_is_warned_once_at_four_fifths() {
    let mut bench = Bench::new(vec![Cap { calls: Some(10), ..cap("site", Within::Day) }]);
    for _ in 0..7 {
        bench.begin("201", "4085551200").unwrap();
    }
    assert_eq!(bench.warned(), 0);
    bench.begin("201", "4085551200").unwrap();
    assert_eq!(bench.warned(), 1);
    bench.begin("201", "4085551200").unwrap();
    assert_eq!(bench.warned(), 0);
}

#[test]
fn a_lifted_cap_lets_calls_pass_and_comes_back() {
    let mut bench = Bench::new(vec![Cap { calls: Some(0), ..cap("site", Within::Day) }]);
    assert!(bench.begin("201", "4085551200").is_err());
    let until = bench.now.unix + MINUTE * 60;
    bench.budget.handle_lift(Lift { subject: Some(Subject::Site), until });
    assert!(bench.begin("201", "4085551200").is_ok());
    bench.pass(MINUTE * 61);
    assert!(bench.begin("201", "4085551200").is_err());
    bench.budget.handle_lift(Lift { subject: None, until: bench.now.unix + MINUTE });
    assert!(bench.begin("201", "4085551200").is_ok());
    bench.budget.handle_lift(Lift { subject: None, until: bench.now.unix });
    assert!(bench.begin("201", "4085551200").is_err());
}

#[test]
fn what_was_spent_survives_in_the_ledger_as_it_is_kept() {
    let mut bench = Bench::new(vec![Cap { calls: Some(2), ..cap("extensions", Within::Day) }]);
    bench.talk("201", "4085551200");
    bench.begin("201", "4085551200").unwrap();
    let mut kept = Ledger::default();
    while let Some(output) = bench.budget.poll_output() {
        if let Output::Spent(spent) = output {
            assert!(spent.call.is_some(), "what it was spent for is kept");
            let text = serde_json::to_string(&spent).unwrap();
            kept.apply(bench.now.unix, &serde_json::from_str(&text).unwrap());
        }
    }
    let text = serde_json::to_string(&kept).unwrap();
    let mut after = Bench::new(vec![Cap { calls: Some(2), ..cap("extensions", Within::Day) }]);
    after.budget.restore(serde_json::from_str(&text).unwrap());
    assert!(after.begin("201", "4085551200").is_err());
    assert!(after.begin("202", "4085551200").is_ok());
}

#[test]
fn the_longest_prefix_of_the_full_number_sets_the_price() {
    let bench = Bench::new(Vec::new());
    let price = |number: &str| bench.budget.price(&Number::parse(number).unwrap()).per_minute;
    assert_eq!(price("011447700900123"), money(1.0));
    assert_eq!(price("+442071234567"), money(0.10));
    assert_eq!(price("4085551200"), money(0.01));
    assert_eq!(price("*72"), money(0.01));
}

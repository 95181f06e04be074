//! People whom branches have in common, at two hubs on one cluster: what one of them took up, the other answers and tells.

use std::collections::BTreeMap;

use branchline::context::card::{Card, Event as Said, writer};
use branchline::driver::clock;
use branchline::driver::hub::acquaintances::Acquaintances;
use branchline::stamp::Stamp;
use branchline::uplink::frame::Ask;
use serde_json::Value;

use super::*;

async fn say(engine: &Engine, site: &str, said: &Said) {
    let of = outbox(site);
    let body = serde_json::to_vec(said).expect("JSON");
    let first = engine.position(&of).await.expect("known") + 1;
    let events = vec![Event { class: Class::PERSON, body }];
    let kept = engine.keep(&of, Batch::Events { first, events }).await;
    assert_eq!(kept.expect("an answer"), Ok(first));
}

fn card(site: &str, contact: &str) -> Said {
    let stamp = Stamp { wall: 1, count: 0, site: writer(site, contact) };
    let (tokens, fields) = (["#p".to_owned()].into(), BTreeMap::new());
    Said::Card {
        contact: contact.to_owned(),
        card: Card { stamp, tokens, fields, ..Card::default() },
    }
}

/// At which sites somebody is known, as a hub answers.
async fn known(hub: &Acquaintances) -> Vec<String> {
    let ask = Ask { mark: 1, tokens: vec!["#p".to_owned()] };
    let known = hub.ask(clock::now(), "lugano", ask).await.known.unwrap_or_default();
    let sites = known.as_array().into_iter().flatten().map(|one| one["site"].as_str());
    sites.map(|site| site.expect("text").to_owned()).collect()
}

async fn until(what: &str, hub: &Acquaintances, sites: &[&str]) {
    let since = Instant::now();
    while known(hub).await != sites {
        assert!(since.elapsed() < PATIENCE, "waited in vain for {what}: {:?}", known(hub).await);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[test]
fn hubs_of_one_cluster_tell_branches_of_people_whichever_took_them_up() {
    let cluster = Cluster::start("acquainted");
    let dir = folder("acquainted-hubs");
    runtime().block_on(async {
        let which = format!("jetstream {}", cluster.servers());
        let (one, other) = (open(&which).await, open(&which).await);
        let hubs = [&one, &other].map(|engine| Acquaintances::follow(engine, &dir));
        say(&one, "berne", &card("berne", "1")).await;
        say(&other, "basel", &card("basel", "7")).await;
        for hub in &hubs {
            until("both", hub, &["basel", "berne"]).await;
        }
        // The one tells, the other hears that it was taken.
        let told = hubs[0].tell("berne", None).await.expect("basel's card");
        assert_eq!(told.changes[0]["card"]["known"]["site"], "basel", "{told:?}");
        let mut took = Some(told.upto);
        while let Some(told) = hubs[1].tell("berne", took).await {
            took = Some(told.upto);
        }
        assert_eq!(hubs[0].tell("berne", None).await, None);
        // Who is erased is known at neither, and the other branch is told.
        let (erasure, contacts) = ("E".to_owned(), vec!["1".to_owned()]);
        say(&one, "berne", &Said::Erased { erasure, contacts, spreads: true }).await;
        for hub in &hubs {
            until("the erasure", hub, &["basel"]).await;
        }
        let told = hubs[1].tell("basel", None).await.expect("the erasure");
        let erase = told.changes.iter().find_map(|change| change.get("erase"));
        let to = erase.map(|erase| erase["to"].clone());
        assert_eq!(to, Some(Value::from(vec!["7"])), "{told:?}");
    });
    std::fs::remove_dir_all(&dir).expect("cleaned up");
}

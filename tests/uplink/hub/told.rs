//! A CRM that is told of events: signed, in order, tried again while it is away, and from where it was after a restart.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use branchline::driver::hub::embedded::Embedded;
use branchline::driver::hub::engine::{Batch, Engine, Outboxed};
use branchline::driver::hub::hooks;
use branchline::hub::settings::Settings;
use branchline::random::Random;
use branchline::webhook::Secret;
use serde_json::Value;

use super::{PATIENCE, event, folder, runtime};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// Takes messages, and refuses the first so many.
fn crm(refuses: usize) -> (u16, mpsc::Receiver<(String, Vec<Value>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    let (send, told) = mpsc::channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut reader = BufReader::new(stream.expect("a connection"));
            let (mut id, mut time, mut signature) = (String::new(), String::new(), String::new());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a head");
                let Some((name, value)) = line.trim().split_once(": ") else {
                    if line.trim().is_empty() {
                        break;
                    }
                    continue;
                };
                match name.to_ascii_lowercase().as_str() {
                    "webhook-id" => value.clone_into(&mut id),
                    "webhook-timestamp" => value.clone_into(&mut time),
                    "webhook-signature" => value.clone_into(&mut signature),
                    "content-length" => length = value.parse().expect("a length"),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let secret = Secret::parse(SECRET).expect("a secret");
            assert_eq!(signature, secret.sign(&id, time.parse().expect("seconds"), &body));
            let refused = number < refuses;
            let status = if refused { "503 Service Unavailable" } else { "204 No Content" };
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            reader.get_mut().write_all(answer.as_bytes()).expect("answered");
            if !refused {
                let body: Value = serde_json::from_slice(&body).expect("JSON");
                let events = body["events"].as_array().expect("events").clone();
                if send.send((id, events)).is_err() {
                    return;
                }
            }
        }
    });
    (port, told)
}

#[test]
fn a_crm_is_told_of_everything_in_order_even_if_it_and_the_hub_are_away() {
    let dir = folder("told");
    let (port, told) = crm(2);
    let secret = dir.join("secret");
    std::fs::write(&secret, SECRET).expect("written");
    let text = format!(
        "[hub.webhooks.crm]\nurl = \"http://127.0.0.1:{port}/told\"\nsecret_file = \"{}\"\nprivate = true\n\
         batch = 10\nsites = [\"berne\"]\nevents = [\"call\"]\n",
        secret.display()
    );
    let settings = Settings::read(&text).expect("settings");
    let hooks = hooks::open(&settings.hub.webhooks).expect("a receiver");
    runtime().block_on(async {
        let engine = Engine::Embedded(Embedded::open(&dir).expect("opened"));
        // What was answered just before a restart may come again, by the same name.
        let (mut seen, mut again) = (Vec::new(), 0);
        for turn in 0..3_u64 {
            let run = hooks::run(engine.clone(), hooks.clone(), Random::from_number(turn));
            let tells = tokio::spawn(run);
            for site in ["berne", "basle"] {
                let of = Outboxed { site: site.to_owned(), epoch: "e".to_owned() };
                let events = (turn * 25 + 1..=turn * 25 + 25).map(|n| event(site, n)).collect();
                let kept = engine.keep(&of, Batch::Events { first: turn * 25 + 1, events }).await;
                assert_eq!(kept, Ok(Ok(turn * 25 + 25)));
            }
            while seen.len() < (turn as usize + 1) * 25 {
                let (_, events) = tokio::task::block_in_place(|| told.recv_timeout(PATIENCE))
                    .unwrap_or_else(|_| panic!("it is not told: {} came", seen.len()));
                for id in events.into_iter().map(|event| event["id"].to_string()) {
                    match seen.contains(&id) {
                        true => again += 1,
                        false => seen.push(id),
                    }
                }
            }
            tells.abort();
            let _ = tells.await;
        }
        let expected: Vec<_> = (1..=75).map(|n| format!("\"berne/e/{n}\"")).collect();
        assert_eq!(seen, expected);
        assert!(again <= 20, "no more than a message for each restart: {again}");
        println!(
            "75 events told in order, two refusals and two restarts between, {again} of them twice"
        );
    });
    std::fs::remove_dir_all(&dir).expect("cleaned up");
}

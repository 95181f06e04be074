//! A program elsewhere that is told what happens: it is down, then slow, then forgets to answer, and the box is killed
//! in between. It gets everything, in order, and only what it did not answer twice.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use branchline::admin::outgoing;
use branchline::journal::record::{Found, decode};
use branchline::webhook::Wanted;

use crate::hook::{self, SECRET};
use crate::phones::Phones;
use crate::site::{Folder, Site};

/// A message as it came.
struct Message {
    id: String,
    events: Vec<serde_json::Value>,
    answered: bool,
}

/// The receiver: it checks each signature and keeps each message.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<Message>>>);

impl Receiver {
    /// Listens for good.
    fn listen(&self, at: SocketAddr) {
        let listener = TcpListener::bind(at).expect("the receiver's port");
        let receiver = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                receiver.take(stream.expect("a connection"));
            }
        });
    }

    fn take(&self, mut stream: TcpStream) {
        let Some(hook::Message { id, events }) = hook::read(&stream) else { return };
        let mut messages = self.0.lock().expect("messages");
        // Slow at the first ten; of the others every fourth is taken and never answered, and every fifth put off.
        let count = messages.len();
        if count < 10 {
            std::thread::sleep(Duration::from_millis(50));
        }
        let tried = messages.iter().any(|message: &Message| message.id == id);
        let answer = match count {
            10..40 if count % 10 == 4 && !tried => None,
            10..40 if count % 10 == 5 && !tried => Some("503 Busy\r\nRetry-After: 1"),
            _ => Some("204 No Content"),
        };
        let answered = answer.is_some_and(|answer| answer.starts_with("204"));
        messages.push(Message { id, events, answered });
        if let Some(answer) = answer {
            // Who was killed meanwhile hears nothing.
            let _ = write!(stream, "HTTP/1.1 {answer}\r\nConnection: close\r\n\r\n");
        }
    }

    fn count(&self) -> usize {
        self.0.lock().expect("messages").len()
    }
}

/// Ids of all events in the journal that go out, in order.
fn owed(data: &Path, prefix: &str) -> Vec<String> {
    let wanted = Wanted::new(["*"]).expect("everything");
    let mut ids = Vec::new();
    for segment in branchline::driver::segments::list(&data.join("journal")).expect("segments") {
        let bytes = fs::read(segment.path).expect("a segment");
        let mut rest = &bytes[..];
        while let Found::Record(record) = decode(rest) {
            rest = &rest[record.bytes.len()..];
            if outgoing::event(&record, prefix, &wanted, None).is_some() {
                ids.push(format!("{prefix}-{}", record.seq));
            }
        }
    }
    ids
}

#[test]
fn a_receiver_gets_everything_in_order_through_kills() {
    let folder = Folder::new("webhooks");
    let data = folder.0.join("data");
    let at = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let at = at.expect("a port");
    fs::write(folder.0.join("hook"), SECRET).expect("the secret");
    let more = format!(
        "[[webhook]]\nname = \"crm\"\nurl = \"http://{at}/in\"\nevents = [\"*\"]\nprivate = true\n\
         secret = {{ file = \"{}/hook\" }}\nlongest_wait_s = 5\ntries = 0\n",
        folder.0.display()
    );
    let site = Site::with(&folder.0, &data, &more);
    let mut phones = Phones::new(site.sip, 8);
    let receiver = Receiver::default();
    let line = || site.ask(&["webhooks"]).expect("webhooks")[0].clone();

    // Down, and the box is killed while it is owed everything.
    let (running, _) = site.start();
    phones.go(Duration::from_millis(800));
    site.until("trouble", || {
        line()["trouble"].as_str().map(|words| assert!(words.contains("reached")))
    });
    running.kill();
    let (running, _) = site.start();
    phones.turn_to(site.sip);
    site.until("calls enough", || {
        phones.go(Duration::from_millis(800));
        (phones.talked > 20).then_some(())
    });

    // Up: slow, and the box is killed between two messages.
    receiver.listen(at);
    site.until("the first messages", || (receiver.count() > 5).then_some(()));
    running.kill();
    let (running, _) = site.start();
    site.until("the rest", || (line()["behind"] == 0).then_some(()));
    running.stop();

    let messages = receiver.0.lock().expect("messages");
    let mut seen = BTreeSet::new();
    let mut arrived: Vec<String> = Vec::new();
    let mut unanswered = BTreeSet::new();
    let mut twice = 0;
    for message in messages.iter() {
        for event in &message.events {
            let id = event["id"].as_str().expect("an id").to_owned();
            if seen.insert(id.clone()) {
                arrived.push(id);
            } else {
                twice += usize::from(!unanswered.contains(&message.id));
            }
        }
        if !message.answered {
            unanswered.insert(message.id.clone());
        }
        let text = serde_json::to_string(&message.events).expect("JSON");
        assert!(!text.contains("5550100"), "a number went out: {text}");
    }
    let prefix = arrived[0].split_once('-').expect("a prefix").0.to_owned();
    let mut owed = owed(&data, &prefix);
    // A box that has ended tells of its end when it is back.
    owed.truncate(arrived.len().max(owed.len() - 1));
    assert_eq!(arrived, owed);
    assert!(twice <= 2, "{twice} answered messages came again: one may for each kill");
    assert!(arrived.len() > 50, "{} events", arrived.len());
    println!("{} events in {} messages, {twice} again", arrived.len(), messages.len());
    let again = messages[3].id.clone();
    drop(messages);

    // Sent again under its own id.
    let (running, _) = site.start();
    let record = again.rsplit('-').next().expect("a record");
    let before = receiver.count();
    site.until("the order", || site.ask(&["webhooks", "replay", "crm", "--record", record]));
    site.until("the same once more", || {
        let messages = receiver.0.lock().expect("messages");
        messages[before..].iter().any(|message| message.id == again).then_some(())
    });
    running.stop();
}

//! Asking the site's CRM: one request for each question, on the runtime of what nobody waits for.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;
use tokio::runtime::Handle;

use crate::config::settings::{self, CRM_HOOK};
use crate::crm::{Answer, Ask, AskId, Fault, MOST_BYTES, read};
use crate::driver::clock;
use crate::driver::mailbox::Sender;
use crate::driver::post::{Broken, Client};
use crate::driver::turn::Letter;
use crate::id::HookId;
use crate::webhook::{Post, Secret};

/// The way to the CRM; nobody is asked where there is none.
#[derive(Default)]
pub struct Crm {
    client: Option<Client>,
    /// What ids of questions begin with: this run of the program.
    run: String,
}

impl Crm {
    /// As the configuration says; its check has told what cannot be used.
    pub fn new(crm: &settings::Crm, secrets: &BTreeMap<HookId, Secret>, run: String) -> Crm {
        let secret = secrets.get(CRM_HOOK);
        let client = crm.lookup_url().zip(secret).and_then(|(url, secret)| {
            let made =
                Client::new(&url, crm.authorities.as_deref(), secret, crm.reach(), crm.timeout());
            made.unwrap_or_else(|error| {
                tracing::error!(%error, "the authorities of the CRM cannot be read");
                None
            })
        });
        Crm { client, run }
    }

    /// Asks; the answer is a letter.
    pub fn ask(&self, runtime: &Handle, ask: Ask, letters: &Sender<Letter>) {
        let (client, letters) = (self.client.clone(), letters.clone());
        let post = self.post(&ask);
        runtime.spawn(async move {
            let began = Instant::now();
            let result = match client {
                Some(client) => carry_out(client, post).await,
                None => Err(Fault::Unreachable),
            };
            let letter = Letter::Crm(ask.id, began.elapsed(), result);
            // A loop that has stopped has no use for it.
            let _ = letters.deliver(letter).await;
        });
    }

    fn post(&self, ask: &Ask) -> Post {
        let AskId(number) = ask.id;
        let contact = ask.contact.map(|contact| contact.to_string());
        let body = json!({ "identity": ask.identity, "also": ask.also, "contact": contact });
        let body = body.to_string();
        let seconds = clock::now().unix.seconds();
        Post { id: format!("ask-{}-{number}", self.run), seconds, body }
    }
}

async fn carry_out(client: Client, post: Post) -> Result<Answer, Fault> {
    let answered = client.post(post, MOST_BYTES).await.map_err(|broken| match broken {
        Broken::Barred => Fault::Barred,
        Broken::Wire => Fault::Unreachable,
        Broken::Late => Fault::Late,
        Broken::TooLong => Fault::TooLong,
    })?;
    read(answered.status, &answered.body)
}

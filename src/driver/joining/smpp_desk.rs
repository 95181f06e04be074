//! Who asks how SMPP is, and whoever knows.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::admin::{ApplicationLine, ApplicationLink, CarrierLine, CarrierLink, SmppLines};
use crate::config::settings::SmppServer;
use crate::driver::smpp::{CentreQuestion, LinkLine};
use crate::gateway::carrier::{Snapshot, Tally};
use crate::gateway::centre::Standing;
use crate::id::ChannelId;
use crate::messaging::channel::State;
use crate::smpp::pdu::BindKind;

/// How long a task may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(4);

/// The ways to the tasks that speak SMPP.
#[derive(Debug, Clone, Default)]
pub struct Desk {
    server: Option<mpsc::Sender<CentreQuestion>>,
    settings: SmppServer,
    carriers: Vec<(ChannelId, u16, mpsc::Sender<oneshot::Sender<Snapshot>>)>,
}

impl Desk {
    /// Applications can bind.
    pub(super) fn server(&mut self, settings: &SmppServer, ask: mpsc::Sender<CentreQuestion>) {
        (self.server, self.settings) = (Some(ask), settings.clone());
    }

    /// A channel is a carrier's; so many messages may wait for its answer.
    pub(super) fn carrier(
        &mut self,
        channel: ChannelId,
        window: u16,
        ask: mpsc::Sender<oneshot::Sender<Snapshot>>,
    ) {
        self.carriers.push((channel, window, ask));
    }

    /// How everything is.
    pub async fn look(&self) -> SmppLines {
        let (applications, mut carriers) = (self.applications().await, Vec::new());
        for (channel, window, way) in &self.carriers {
            carriers.extend(ask(way).await.map(|own| carrier(channel, *window, own)));
        }
        SmppLines { carriers, applications, serves: self.server.is_some() }
    }

    async fn applications(&self) -> Vec<ApplicationLine> {
        let Some(server) = &self.server else { return Vec::new() };
        let (standing, links) = ask(server).await.unwrap_or_default();
        standing.into_iter().map(|one| self.line(one, &links)).collect()
    }

    fn line(&self, one: Standing, links: &[LinkLine]) -> ApplicationLine {
        let own = self.settings.applications.get(&one.application);
        let theirs = links.iter().filter(|link| link.system_id == one.system_id);
        ApplicationLine {
            application: one.application.to_string(),
            system_id: one.system_id.clone(),
            links: theirs.map(link).collect(),
            rate: own.map_or(0, |own| own.rate),
            window: own.map_or(0, |own| own.window),
            taken: one.taken,
            refused: one.refused,
            told: one.told,
            waiting: one.waiting,
            given_up: one.given_up,
            last_error: one.last_error,
        }
    }
}

async fn ask<T>(way: &mpsc::Sender<oneshot::Sender<T>>) -> Option<T> {
    let (answer, answered) = oneshot::channel();
    let whole = async {
        way.send(answer).await.ok()?;
        answered.await.ok()
    };
    timeout(PATIENCE, whole).await.ok().flatten()
}

fn carrier(channel: &ChannelId, window: u16, own: Snapshot) -> CarrierLine {
    let link = |(kind, why): (BindKind, Option<String>)| CarrierLink {
        bind: bind(kind).to_owned(),
        up: why.is_none(),
        why,
    };
    let Tally { taken, refused, received, throttled } = own.tally;
    CarrierLine {
        channel: channel.to_string(),
        up: own.state.carries(),
        words: match own.state {
            State::Up => "up".to_owned(),
            State::Degraded(why) => why,
            State::Down(why) => format!("down: {why}"),
        },
        links: own.links.into_iter().map(link).collect(),
        window,
        on_their_way: own.on_their_way,
        parts: own.parts,
        taken,
        refused,
        received,
        throttled,
        last_error: own.last_error,
    }
}

fn link(link: &LinkLine) -> ApplicationLink {
    ApplicationLink {
        bind: bind(link.kind).to_owned(),
        from: link.source.to_string(),
        tls: link.tls,
        since: link.since,
        asked: link.asked,
        throttled: link.refused,
        on_their_way: link.load,
    }
}

/// What a kind of bind is called.
fn bind(kind: BindKind) -> &'static str {
    match kind {
        BindKind::Transmitter => "transmitter",
        BindKind::Receiver => "receiver",
        BindKind::Transceiver => "transceiver",
    }
}

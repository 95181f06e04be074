//! The demo's call: a carrier calls in, the IVR answers, a key is pressed, the queue finds the agent, both talk.

use std::fmt;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::demo::ear::TONES;
use crate::cli::demo::site::Site;
use crate::cli::demo::softphone::{Account, Noticed, Softphone};
use crate::driver::clock;
use crate::random::Random;

/// The longest any one step may take. The longest real one is the spoken confirmation of a feature code, 4 s.
const STEP: Duration = Duration::from_secs(20);
/// How often the phones look at their sockets.
const TICK: Duration = Duration::from_millis(2);

/// Which step did not happen.
#[derive(Debug)]
pub enum Failure {
    /// A socket could not be had.
    Socket(std::io::Error),
    /// The system gave no randomness.
    Random,
    /// Waited in vain for this.
    Missed {
        /// Who waited.
        who: &'static str,
        /// For what.
        what: Noticed,
        /// What came instead.
        instead: Vec<Noticed>,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Socket(error) => write!(f, "no socket on loopback: {error}"),
            Failure::Random => f.write_str("the system gave no randomness"),
            Failure::Missed { who, what, instead } => {
                write!(f, "{who} waited {} s for {what:?} and noticed {instead:?}", STEP.as_secs())
            }
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::Socket(error)
    }
}

const CARRIER: usize = 0;
const AGENT: usize = 1;
const NAMES: [&str; 2] = ["caller", "agent 202"];

struct Stage {
    phones: [Softphone; 2],
    began: Instant,
    talkative: bool,
}

/// Plays the whole scene, printing it if `talkative`.
pub fn play(site: &Site, talkative: bool) -> Result<(), Failure> {
    let mut random = clock::random().ok_or(Failure::Random)?;
    let mut stage = Stage::new(site, site.sip, &mut random, talkative)?;
    stage.tell("the branch is up; a caller and an agent's phone join it on loopback");
    stage.sign_in()?;
    stage.call()?;
    stage.talk()?;
    stage.part()
}

impl Stage {
    fn new(
        site: &Site,
        gateway: SocketAddr,
        random: &mut Random,
        talkative: bool,
    ) -> Result<Self, Failure> {
        let carrier = Account {
            user: "+15557654321".to_owned(),
            password: None,
            tone: TONES[0],
            answers: false,
            hears_itself: false,
        };
        let agent = Account {
            user: "202".to_owned(),
            password: Some(site.password("202").to_owned()),
            tone: TONES[1],
            answers: true,
            hears_itself: false,
        };
        let phones = [
            Softphone::new(carrier, gateway, random.fork())?,
            Softphone::new(agent, gateway, random.fork())?,
        ];
        Ok(Stage { phones, began: Instant::now(), talkative })
    }

    fn sign_in(&mut self) -> Result<(), Failure> {
        self.phones[AGENT].register(300)?;
        self.wait(AGENT, &Noticed::Registered)?;
        self.tell("202 registered: digest accepted, binding on the disk");
        self.phones[AGENT].call("*41")?;
        self.wait(AGENT, &Noticed::Answered)?;
        self.wait(AGENT, &Noticed::Sound)?;
        self.wait(AGENT, &Noticed::Ended)?;
        self.tell("202 dialled *41 and heard that it is signed in to the queues");
        Ok(())
    }

    fn call(&mut self) -> Result<(), Failure> {
        self.phones[CARRIER].call("+15550100")?;
        self.wait(CARRIER, &Noticed::Answered)?;
        self.tell("carrier's call to +15550100 answered by the IVR");
        self.wait(CARRIER, &Noticed::Sound)?;
        self.tell("caller hears the menu and presses 1");
        self.phones[CARRIER].press('1');
        self.wait(AGENT, &Noticed::Rings)?;
        self.tell("queue `support` offers the caller to 202, which rings");
        self.wait(AGENT, &Noticed::Answered)?;
        self.tell("202 answers");
        Ok(())
    }

    fn talk(&mut self) -> Result<(), Failure> {
        self.wait(CARRIER, &Noticed::Tone(TONES[1]))?;
        self.tell(&format!("caller hears the agent's tone, {} Hz", TONES[1]));
        self.wait(AGENT, &Noticed::Tone(TONES[0]))?;
        self.tell(&format!("agent hears the caller's tone, {} Hz", TONES[0]));
        Ok(())
    }

    fn part(&mut self) -> Result<(), Failure> {
        self.phones[CARRIER].hang_up();
        self.wait(AGENT, &Noticed::Ended)?;
        self.tell("caller hangs up; the agent's leg ends, the call record is written");
        self.phones[AGENT].call("*42")?;
        self.wait(AGENT, &Noticed::Ended)?;
        self.phones[AGENT].register(0)?;
        self.wait(AGENT, &Noticed::Registered)?;
        self.tell("202 signed out and unregistered, so that the account is free for you");
        Ok(())
    }

    /// Drives all phones until one of them notices `what`.
    fn wait(&mut self, who: usize, what: &Noticed) -> Result<(), Failure> {
        let limit = Instant::now() + STEP;
        let mut instead = Vec::new();
        while Instant::now() < limit {
            self.phones.iter_mut().for_each(Softphone::turn);
            while let Some((_, noticed)) = self.phones[who].noticed() {
                if noticed == *what {
                    return Ok(());
                }
                instead.push(noticed);
            }
            thread::sleep(TICK);
        }
        Err(Failure::Missed { who: NAMES[who], what: what.clone(), instead })
    }

    fn tell(&self, words: &str) {
        if self.talkative {
            println!("  {:>8.3} s  {words}", self.began.elapsed().as_secs_f64());
        }
    }
}

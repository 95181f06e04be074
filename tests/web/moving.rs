//! Addresses that change while an agent talks in the box's own page: the laptop's, and the box's. The call goes on by itself,
//! and how long either side heard nothing is measured and printed.

use crate::branch::Branch;
use crate::browser::{Browser, Person};
use crate::network::{BRANCH, BRANCH_NEXT, Network, PUBLIC, Town};
use crate::phones::{Phone, Place};
use crate::tab::Tab;
use crate::whole_shift::{AGENT, EAR};

/// What the reception's phone says.
const RECEPTION: f64 = 523.0;
/// People say "hello?" after two seconds, and twice before they hang up.
const MOST_SILENCE: f64 = 5.0;

/// A branch, with the reception's phone on a cable of its own, and the agent's browser at home.
struct Scene {
    town: Town,
    _office: Network,
    branch: Branch,
    port: String,
    reception: Phone,
}

impl Scene {
    fn new() -> Scene {
        let town = Town::new();
        // At every address that the box has or comes to have.
        let branch = Branch::demo_in(&town.branch.enter(), |text, _| {
            let https = "listen = [\"127.0.0.1:@HTTPS@\"]";
            assert!(text.contains(https), "the demo's HTTPS");
            let all = "networks = [\"0.0.0.0/0\"]\nlisten = [\"0.0.0.0:@HTTPS@\"]";
            text.replace(https, all)
        });
        let https = branch.ready("https").as_str().expect("an address").to_owned();
        let port = https.rsplit_once(':').expect("a port").1.to_owned();
        town.publish(&port, BRANCH);
        let office = Network::new();
        town.branch.cable(("office", "10.9.0.1/24"), &office, ("net", "10.9.0.2/24"));
        let here = Place { enter: office.enter(), https: format!("10.9.0.1:{port}") };
        let password = branch.password("201");
        let reception = Phone::registered_at(&here, "sip.js", "201", &password, RECEPTION);
        Scene { town, _office: office, branch, port, reception }
    }

    fn password(&self, user: &str) -> String {
        let users = self.branch.ready("users").as_array().expect("users").clone();
        let own = users.iter().find(|own| own["name"] == user).expect("the user");
        own["password"].as_str().expect("text").to_owned()
    }

    /// Ann's page at home, with the reception's call up.
    fn talking(&mut self, browser: &Browser) -> (Person, Tab) {
        let person = browser.person();
        let tab = person.tab();
        tab.open(&format!("https://{PUBLIC}:{}", self.port));
        tab.fill("Name", "ann");
        tab.fill("Password", &self.password("ann"));
        tab.click("Sign in");
        tab.talks_here();
        self.reception.run("phone.call('202')");
        tab.points_at("Answer");
        tab.hears(RECEPTION);
        self.reception.hears(AGENT);
        (person, tab)
    }

    /// Seconds for which the agent and the reception heard nothing of each other while `change` happened.
    fn silence(&mut self, tab: &Tab, change: impl FnOnce(&Scene)) -> (f64, f64) {
        tab.value(&format!(
            "{EAR} && (() => {{ let last = performance.now(); window.longest = 0; setInterval(() => {{ const now = \
             performance.now(); window.longest = Math.max(window.longest, (now - last) / 1000); if \
             (stands({RECEPTION}) > 20) last = now }}, 20); return true }})()"
        ));
        self.reception.run(&format!("phone.listen({AGENT})"));
        change(self);
        // It begins when what was on its way before is heard, and is over when both hear again.
        tab.until("silence", "longest > 0.3");
        tab.hears(RECEPTION);
        self.reception.hears(AGENT);
        let at_home = tab.value("longest").as_f64().expect("seconds");
        (at_home, self.reception.run("phone.longest").as_f64().expect("seconds"))
    }
}

#[test]
fn a_page_goes_on_by_itself_when_the_laptop_or_the_box_gets_another_address() {
    let mut scene = Scene::new();
    let enter = scene.town.home.enter();
    let browser = Browser::that_hears_in(&enter, &crate::browser::tone(AGENT));
    let (_ann, tab) = scene.talking(&browser);
    for what in ["the laptop's", "the box's"] {
        let (at_home, at_branch) = scene.silence(&tab, |scene| match what {
            "the box's" => {
                scene.town.move_branch();
                scene.town.publish(&scene.port, BRANCH_NEXT);
            }
            _ => scene.town.move_home(),
        });
        println!(
            "{what} address changed in mid-call: {at_home:.1} s of silence in the page, {at_branch:.1} s at the branch"
        );
        assert!(at_home < MOST_SILENCE && at_branch < MOST_SILENCE, "{what}");
        tab.until("the same call", "document.querySelector('.middle .talking .controls')");
    }
    tab.points_at("Hang up");
    scene.reception.until("the end", "phone.ended !== ''");
    let record = scene.branch.record(1);
    assert_eq!(record["class"], "success", "{record}");
    assert_eq!(tab.complaints(), Vec::<String>::new());
}

/// A phone of others in the browser: it knows by itself that the way is gone.
#[test]
fn sip_js_goes_on_when_the_box_gets_another_address() {
    let mut scene = Scene::new();
    let home = Place { enter: scene.town.home.enter(), https: format!("{PUBLIC}:{}", scene.port) };
    let password = scene.branch.password("202");
    let mut agent = Phone::registered_at(&home, "sip.js", "202", &password, AGENT);
    scene.reception.run("phone.call('202')");
    agent.until("a ring", "phone.ringing");
    agent.run("phone.answer()");
    agent.hears(RECEPTION);
    scene.reception.hears(AGENT);
    agent.run(&format!("phone.follows(); phone.listen({RECEPTION})"));
    scene.reception.run(&format!("phone.listen({AGENT})"));
    scene.town.move_branch();
    scene.town.publish(&scene.port, BRANCH_NEXT);
    agent.until("it follows", "phone.followed === 'done'");
    agent.hears(RECEPTION);
    scene.reception.hears(AGENT);
    let longest = |phone: &mut Phone| phone.run("phone.longest").as_f64().expect("seconds");
    let (at_home, at_branch) = (longest(&mut agent), longest(&mut scene.reception));
    println!(
        "sip.js: the box's address changed in mid-call: {at_home:.1} s of silence at home, {at_branch:.1} s at the branch"
    );
    // Chromium waits five seconds before it says that a way is gone.
    assert!(at_home < 15.0 && at_branch < 15.0);
    agent.run("phone.hangUp()");
    scene.reception.until("the end", "phone.ended !== ''");
    let record = scene.branch.record(1);
    assert_eq!(record["class"], "success", "{record}");
}

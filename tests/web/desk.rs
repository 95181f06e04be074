//! An agent's page as a telephone: the channel `/api/v1/desk`, message by message, with sound.

use serde_json::Value;

use crate::branch::Branch;
use crate::phones::{Phone, Place};

fn password(branch: &Branch, user: &str) -> String {
    let users = branch.ready("users").as_array().expect("users").clone();
    let own = users.iter().find(|own| own["name"] == user).expect("the user");
    own["password"].as_str().expect("text").to_owned()
}

/// A page where this user has signed in, with its channel open.
fn desk(branch: &Branch, user: &str, hertz: f64) -> Phone {
    desk_at(branch, &Place::beside(branch), user, hertz)
}

/// The same anywhere.
pub fn desk_at(branch: &Branch, place: &Place, user: &str, hertz: f64) -> Phone {
    let mut page = Phone::page_at(place, hertz);
    page.run("phones.desk()");
    page.run(&format!("phone.signIn('{user}', '{}')", password(branch, user)));
    page.run("phone.open()");
    page.until("a welcome", "!!phone.welcome");
    page
}

#[test]
fn a_page_calls_is_called_and_is_one_of_two() {
    let branch = Branch::start();
    let mut page = desk(&branch, "ann", 523.0);
    let welcome = page.run("phone.welcome");
    assert_eq!(
        (welcome["agent"].as_str(), welcome["extension"].as_str()),
        (Some("ann"), Some("202"))
    );
    page.calls("600");
    page.hears(523.0);
    page.run("phone.hangUp()");
    page.until("the end", "phone.ended !== ''");

    let mut caller = Phone::registered(&branch, "sip.js", "201", 659.0);
    let mut other = desk(&branch, "ann", 784.0);
    caller.run("phone.call('202')");
    page.until("a ring", "phone.ringing");
    other.until("a ring there too", "phone.ringing");
    assert_eq!(page.run("phone.rang.caller.number"), Value::from("201"));
    page.run("phone.answer()");
    other.until("it stops", "phone.ended === 'elsewhere'");
    page.hears(659.0);
    caller.hears(523.0);

    // A reload: the page is gone, the call is not, and the next page goes on with it.
    page.run("phone.socket.close(); phone.pc.close()");
    let mut next = desk(&branch, "ann", 880.0);
    next.until("a call to resume", "phone.welcome.calls.length === 1");
    next.run("phone.resume(phone.welcome.calls[0].leg)");
    next.hears(659.0);
    caller.hears(880.0);
    next.run("phone.hangUp()");
    caller.until("the end", "phone.ended !== ''");

    caller.run("phone.call('202')");
    next.until("a ring", "phone.ringing");
    next.run("phone.say({ type: 'decline', leg: phone.leg })");
    caller.until("a refusal", "phone.ended !== ''");
}

#[test]
fn a_page_that_is_lost_while_it_rings_gives_the_call_back_and_nonsense_is_refused() {
    let branch = Branch::start();
    let mut page = desk(&branch, "ann", 523.0);
    let mut caller = Phone::registered(&branch, "jssip", "201", 659.0);
    caller.run("phone.call('202')");
    page.until("a ring", "phone.ringing");
    page.run("phone.socket.close()");
    caller.until("the end, as nobody is there", "phone.ended !== ''");
    page.run("phone.open()");
    page.until("a new welcome", "phone.said.filter((one) => one.type === 'welcome').length === 2");
    page.run("phone.say('{}')");
    page.until("a problem", "!!phone.problem");
    page.run("phone.problem = ''; phone.say({ type: 'dial', number: '600', sdp: 'v=0' })");
    page.until("a problem", "/description/.test(phone.problem)");
    page.run("phone.problem = ''; phone.say({ type: 'hangup', leg: '0000000000001' })");
    page.until("a problem", "/not this page/.test(phone.problem)");
    page.calls("600");
    page.hears(523.0);
    // Ten megabytes end this channel, and nothing else.
    page.run("phone.say('x'.repeat(10 << 20))");
    page.until("the end of the channel", "!!phone.closed");
    assert!(page.run("phone.closed").as_str().is_some_and(|own| own.starts_with("1009 ")));
    page.run("phone.closed = ''; phone.open()");
    page.until("its call", "phone.welcome.calls.length === 1");
    page.run("phone.resume(phone.welcome.calls[0].leg)");
    page.hears(523.0);
    // Who has signed out has no channel, once the call that was up is over.
    page.run("phone.order('DELETE', '/session')");
    page.until("word of it", "phone.said.some((one) => one.type === 'expired')");
    page.hears(523.0);
    page.run("phone.problem = ''; phone.say({ type: 'dial', number: '600', sdp: 'v=0' })");
    page.until("a problem", "/sign in/.test(phone.problem)");
    page.run("phone.hangUp()");
    page.until("the end of the channel", "/session/.test(phone.closed)");
    assert!(page.tab.try_value("phone.open()").is_err());
}

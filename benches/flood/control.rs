//! The control of the spray: the same packets, in the same run, against rtpengine (Debian's `rtpengine-daemon`), as it
//! is by itself and with `strict-source`, in which it looks at where packets come from after it has learnt that.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::attack::{Attack, Kind, Known};
use crate::rtpengine::Control;
use crate::sip::sdp;
use crate::sound::Sound;
use crate::{LATE, TALKING, WINDOW};

/// Where it listens, beside the box.
pub const HOST: [u8; 4] = [192, 0, 2, 2];

/// Both lines.
pub fn spray() {
    let mut control = Control::connect(IpAddr::from(HOST));
    let mut first = 0;
    for (name, flags) in [("rtpengine", &[][..]), ("rtpengine, strict-source", &["strict-source"])]
    {
        line(name, &mut control, first, flags);
        first += TALKING + LATE;
    }
}

fn line(name: &str, control: &mut Control, first: usize, flags: &[&str]) {
    let mut sound = Sound::new();
    let at = |end: &UdpSocket| end.local_addr().expect("bound");
    let ends: [SocketAddr; 2] = [at(&sound.ends[0]), at(&sound.ends[1])];
    let mut talk = |sound: &mut Sound, calls: std::ops::Range<usize>| {
        for call in calls {
            let [a, b] = ends.map(sdp);
            sound.add(control.call(call, &a, &b, flags).expect("a call"));
        }
    };
    let (late, end) = (first + TALKING, first + TALKING + LATE);
    talk(&mut sound, first..late);
    run(&mut sound, WINDOW / 2);
    sound.count();
    let going = Arc::new(AtomicBool::new(true));
    let known = Known { busy: sound.ports(), ..Known::default() };
    let attack = Attack::start(Kind::Spray, HOST, going.clone(), Arc::new(Mutex::new(known)));
    run(&mut sound, WINDOW / 2);
    talk(&mut sound, late..end);
    run(&mut sound, WINDOW / 2);
    let (sent, got) = attack.stop(&going);
    let (spoken, heard, foreign) = sound.count();
    println!(
        "{name}: {sent} sent in {} s\n  RTP of calls that are up: {} of {spoken} lost, {foreign} packets of \
         strangers heard, {}",
        WINDOW.as_secs(),
        spoken.saturating_sub(heard),
        got.words(),
    );
    (first..end).for_each(|call| control.forget(call));
}

fn run(sound: &mut Sound, span: Duration) {
    let began = Instant::now();
    while began.elapsed() < span {
        sound.turn();
        std::thread::sleep(Duration::from_micros(300));
    }
}
